"""Commands about what many scale sets share: limits and rings."""
