"""Which processes work on this store, on which hosts, and what all of them must have in common."""
