"""The workflow of one rolling upgrade."""
