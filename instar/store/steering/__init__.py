"""What operators wish of upgrades, as it is written down: one owner of it, whatever becomes of workflows."""
