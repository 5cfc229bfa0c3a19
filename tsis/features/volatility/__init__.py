"""Volatility and range."""
