"""When batches may begin: windows on the clocks of their zones, and days off (docs/rules.md W3)."""
