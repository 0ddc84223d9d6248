"""Tests of samples and of what surrounds every estimator."""
