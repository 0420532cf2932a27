"""`make bench`: ratios of one run on one machine, no assertions about time."""
