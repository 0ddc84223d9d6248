"""Inspect AI, both ways: its models answer our studies, and our studies run as its tasks."""
