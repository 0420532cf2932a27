"""Tests: a specification to read."""
