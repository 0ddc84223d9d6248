"""Asking it: models, the collector, and the log it writes."""

import logging

logging.getLogger("bartleby").addHandler(logging.NullHandler())
"""A program that uses Bartleby says where its log lines go; on the command line they go to standard error."""
