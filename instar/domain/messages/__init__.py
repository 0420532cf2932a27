"""Inputs and results of workflows, updates, signals and activities: one model each, additive evolution only."""
