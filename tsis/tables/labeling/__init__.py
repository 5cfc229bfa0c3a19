"""Events and what became of them."""
