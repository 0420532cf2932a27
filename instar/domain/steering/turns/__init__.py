"""Who goes on, where not all may at once: limits, the line before them, and the leases that are given (W4). Pure."""
