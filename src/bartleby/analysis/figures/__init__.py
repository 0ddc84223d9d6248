"""Estimates in, a matplotlib figure out: one file a kind of picture."""
