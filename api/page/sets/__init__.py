"""What runs: all sets at a glance, one set with its machines, one machine. Nothing here changes anything."""
