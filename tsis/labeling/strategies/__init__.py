"""Rules that take a side: each module binds a `RuleStrategy`."""
