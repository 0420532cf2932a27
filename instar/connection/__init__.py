"""How a process reaches Temporal."""
