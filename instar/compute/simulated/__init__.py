"""A fleet in an SQLite file: shared by processes, survives kills, scripted faults, flight recorder."""
