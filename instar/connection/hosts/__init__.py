"""How a process takes its place among those of its installation, on however many hosts, and keeps it."""
