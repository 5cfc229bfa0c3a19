"""What raises events: each module binds an `EventFilter`."""
