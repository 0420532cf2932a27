"""The parts of `make bench`, a module each: what it measures, on what, and within which bounds.

A new part is a module here with a `PART` (`tests/bench/part.py`), and its line in `tests/bench/registry.py`.
"""
