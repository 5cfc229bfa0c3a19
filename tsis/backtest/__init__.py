"""The session over history: orders, fills, positions."""
