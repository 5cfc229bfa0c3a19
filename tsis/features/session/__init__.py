"""Where in the session and the day a bar closes."""
