"""What every estimator shares: tables in, counted and checked; estimates out, with an accounting."""
