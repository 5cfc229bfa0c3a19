"""Splits that do not leak, the estimator, and its scores."""

UNDISCOVERED = ("bagging",)
"""A subclass needs scikit-learn at import, which takes a second; it is no stage."""
