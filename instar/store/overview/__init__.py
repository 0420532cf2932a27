"""How the whole installation stands, in numbers: read for metrics, with one bounded query for each table."""
