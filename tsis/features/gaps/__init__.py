"""Gaps that prices left, and whether they came back."""
