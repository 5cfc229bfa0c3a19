"""Trend and momentum."""
