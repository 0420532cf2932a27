"""What is said of settings: what is wrong with one, and which ones nobody reads."""
