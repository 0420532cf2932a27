"""What was: the upgrades of a set, and each of them with all that was decided in it and what became of each machine."""
