"""The file that a simulated fleet is: its schema, faults that wait in it, and what its machines are told to do."""
