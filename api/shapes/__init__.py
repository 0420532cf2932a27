"""How scale sets, instances and upgrades look: checked when they come, shaped by api-version when they go."""
