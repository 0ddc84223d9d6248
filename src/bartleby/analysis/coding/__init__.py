"""Codings of transcripts: agreement of coders, and prevalence corrected for the errors of a judge."""
