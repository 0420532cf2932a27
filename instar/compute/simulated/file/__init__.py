"""The file that a simulated fleet is: its schema, what waits in it to go wrong, and what its machines are told to do."""
