"""What a session of the page asks the API with; kept sealed."""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from instar.store.database.columns import written
from instar.store.database.sealing import SealerProtocol


@dataclass(frozen=True, slots=True)
class Proof:
    """Either a client of our own issuer, whose tokens are made when needed, or a token. Its repr has none."""

    client_id: str = ""
    """Of our own issuer; "" where there is a token."""

    token: str = field(default="", repr=False)
    """A bearer token, of any issuer that is believed."""

    refresh: str = field(default="", repr=False)
    """With which the outside issuer gives a new one; "" where it gave none."""

    def sealed(self, sealer: SealerProtocol) -> str:
        """As it is kept."""
        return sealer.seal(written(asdict(self)))

    @classmethod
    def opened(cls, sealer: SealerProtocol, sealed: str) -> "Proof":
        """As it was. Raises SealingError when no key opens it."""
        return cls(**json.loads(sealer.open(sealed)))


def key_of(text: str) -> str:
    """SHA-256, in hexadecimal, of 256 random bits: what cannot be guessed needs no slow hash.

    >>> key_of("a")[:8]
    'ca978112'
    """
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
