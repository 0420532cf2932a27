"""What operators wish, as it is written down: rollout policies."""
