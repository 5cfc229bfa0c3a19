"""How much each feature matters, by four methods: MDI, MDA, SFI and clustered MDA."""
