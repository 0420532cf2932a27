"""What stands around resources: subscriptions, groups, providers, lists, operations."""
