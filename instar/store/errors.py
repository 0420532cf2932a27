"""What the store refuses, as a small tree.

StoreError
├── AlreadyThere    something of this name or id is written down already
├── Conflict        somebody else changed it first, or it is being deleted
├── Missing         nothing of this id is written down
├── Unstorable      a document that is no JSON (also a ValueError)
├── QuotaExceeded   there are as many as there may be; nothing was written
├── SealingError    the key file cannot be used, or a secret was sealed with a key that is not in it
├── Unavailable     the database does not answer just now; the same call may work later
└── Unusable        the database can never work: a bad URL, or a schema newer than this Instar
"""


class StoreError(Exception):
    """Anything that the store may raise on purpose. Its text never holds a secret."""


class AlreadyThere(StoreError):
    """Something of this name or id is written down already."""


class Conflict(StoreError):
    """Somebody else changed it first, or it is being deleted."""


class Missing(StoreError):
    """Nothing of this id is written down."""


class Unstorable(StoreError, ValueError):
    """The document is no JSON."""


class QuotaExceeded(StoreError):
    """There are as many as there may be; nothing was written. `counted` is the setting's name, `at_most` its value."""

    def __init__(self, counted: str, at_most: int) -> None:
        super().__init__(f"there may be {at_most} ({counted}) and no more")
        self.counted = counted
        self.at_most = at_most


class SealingError(StoreError):
    """The key file cannot be used, or a secret was sealed with a key that is not in it."""


class Unavailable(StoreError):
    """The database does not answer just now; the same call may work later."""


class Unusable(StoreError):
    """The database can never work as it is."""
