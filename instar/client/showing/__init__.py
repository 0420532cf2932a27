"""How sets and upgrades are shown to a person: as tables, as a picture, as lines."""
