"""Other people's systems: webhooks, what is still to be delivered to them, where hooks and judges are."""
