"""`instar doctor`: looks at an installation from where it stands, changes nothing, and hands what it found to judgment.

Each check looks for itself, in a thread of its own and within a time: one that fails or hangs is said to have failed,
and keeps none of the others.
"""
