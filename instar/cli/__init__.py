"""The command line: one program with commands, each of which says what it did."""
