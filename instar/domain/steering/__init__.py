"""What operators wish beyond Azure's policies: the rollout policy, its waves, windows and days off. Pure."""
