"""Histories of upgrades as they were run, to be replayed by every later version."""
