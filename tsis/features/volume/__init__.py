"""Volume and what it says of the price."""
