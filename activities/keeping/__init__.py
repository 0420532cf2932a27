"""Turns at limits and versions in rings: asked for by upgrades and looks, seen to by workflows of their own."""
