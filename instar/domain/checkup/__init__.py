"""What `instar doctor` makes of what it found: each check from plain facts to a level and a sentence; pure."""
