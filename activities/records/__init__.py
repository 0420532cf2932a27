"""What an upgrade writes down, and whether what is written is older than the machines."""
