"""What this process counts of its own doing, and what the lines of its log are about. It knows the domain alone."""
