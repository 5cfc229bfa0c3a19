"""What a model learns from, aligned by event."""
