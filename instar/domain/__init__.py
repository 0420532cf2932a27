"""The vocabulary and the decisions: pydantic and the standard library only; no clock, no chance, no I/O."""
