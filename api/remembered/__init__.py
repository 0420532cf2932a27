"""What this process remembers of what it was told: tokens that it has verified, answers; each with what ends it."""
