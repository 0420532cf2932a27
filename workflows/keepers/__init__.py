"""Workflows that see to what many sets share: turns at limits, and rings."""
