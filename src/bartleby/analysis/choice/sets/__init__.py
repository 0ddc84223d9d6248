"""Choices among more than two: conditional logit and Plackett-Luce."""
