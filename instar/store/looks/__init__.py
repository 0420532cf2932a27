"""When idle sets are looked at, what was published for them, and whom it has reached."""
