"""Instances of scale sets: listed, shown, and what can be done with them."""
