"""Spreads, order flow and the cost of trading."""
