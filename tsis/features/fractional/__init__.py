"""Fractionally differentiated price and volume."""
