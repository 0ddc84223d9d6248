"""Asking it: models, the collector, and the log it writes."""
