"""The routes of Instar's own issuer of tokens, and access control put together from the settings."""
