"""Looks that are made for idle sets, away from their workflows: who has something to do, and when (T2, W5)."""
