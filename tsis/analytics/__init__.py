"""How good it was, and whether to believe it."""
