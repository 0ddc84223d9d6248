"""A table of trials read once, and what every estimator does with it."""
