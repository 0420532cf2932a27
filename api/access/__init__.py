"""Access control: whose token it is, what it may do, and a note of what was done. Nothing but a short list is open."""
