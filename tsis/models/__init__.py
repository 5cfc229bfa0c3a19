"""Splits that do not leak, the estimator, and its scores."""
