"""The decisions of an upgrade and of a change of machines: who, in which order, how many at once, and go on or stop."""
