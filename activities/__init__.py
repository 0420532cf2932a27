"""Thin steps that a workflow asks for: translate, call the compute or the store, heartbeat."""
