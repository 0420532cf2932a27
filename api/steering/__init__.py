"""What operators wish of upgrades, asked for by HTTP: pauses, holds, approvals. Paths are Instar's own."""
