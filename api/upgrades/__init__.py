"""Rolling upgrades and automatic ones; who looks after those that were lost, and after records older than machines."""
