"""Market data as the vendor sent it, normalised in types only."""
