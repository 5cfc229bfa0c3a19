"""Facts that change slowly, kept with their history."""
