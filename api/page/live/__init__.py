"""What changes, as it changes: one look for all pages that are open on the same, and to each only what is new to it."""
