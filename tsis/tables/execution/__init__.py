"""What was ordered, filled and held."""
