"""Orchestration only, read top to bottom."""
