"""The state of the market: trending or not, calm or not."""
