"""The thin front: ARM routes to domain messages and the store."""
