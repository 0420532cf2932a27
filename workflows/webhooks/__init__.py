"""One workflow a webhook, while there is something to deliver to it."""
