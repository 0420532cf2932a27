"""Webhooks: whom to tell what of which scale sets."""
