"""What an operator can do beyond starting and stopping an upgrade: the pure part (docs/rules.md N1, N2, G4)."""
