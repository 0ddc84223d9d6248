"""Hierarchical posteriors of utilities: what is known of a class of items together."""
