"""May the platform upgrade a set by itself, and if not, why: a file for each kind of reason."""
