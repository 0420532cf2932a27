"""What webhooks are told of upgrades: events, who wants which, and how they are written (docs/rules.md N1, N2)."""
