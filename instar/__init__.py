"""Instar: automatic OS image upgrades for fleets of virtual machines."""
