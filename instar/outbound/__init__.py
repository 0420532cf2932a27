"""Calls to other people's systems: receivers of webhooks, hooks, judges. All of them go through here (G4)."""
