"""Compiled folds over plain arrays with explicit state."""
