"""The rules that a position must obey."""
