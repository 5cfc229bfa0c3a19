"""Which parameters to try next: grid, random and Optuna over one declared space."""
