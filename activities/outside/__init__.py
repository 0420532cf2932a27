"""Asking and telling other people's systems: deliveries to webhooks, hooks, judges."""
