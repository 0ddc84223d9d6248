"""Exits: how a way out is worded, offered and read, whatever it is a way out of."""
