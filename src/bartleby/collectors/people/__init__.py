"""People as coders: a sample of passages, a page to label them on, and the file that keeps the labels."""
