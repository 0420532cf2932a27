"""The demos: a fleet that takes three versions, on simulated and on real machines."""
