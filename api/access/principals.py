"""Whose token a request carries."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. `names` are those under which roles may be given: its subject, its client id, its groups."""

    subject: str
    name: str
    names: tuple[str, ...]


class TokenRefused(Exception):
    """The token is not good. The text says why, and never holds the token."""
