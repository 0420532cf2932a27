"""A scale set as a person deals with it: made, given new versions, started, stopped."""
