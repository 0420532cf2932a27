"""`make bench`: ratios of one run on one machine, no assertions about time.

`registry.py` lists the parts; `parts` has a module for each. `scene.py` says what all of them run on.
"""
