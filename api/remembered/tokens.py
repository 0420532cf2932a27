"""Tokens whose signature was verified: it is the same at the next request, while the key and the token are good.

Whether its client was revoked, and what its roles are, is another question, and asked each time. Of a token its digest
is remembered, and nothing at all of one that was refused.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, TypeVar

from cachetools import LRUCache

MOST = 10_000
"""Tokens at once; of more, whichever was longest not used is verified anew."""

Said = TypeVar("Said")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[Said]):
    said: Said
    key: object
    begins: float
    ends: float


class VerifiedTokens(Generic[Said]):
    """Of one issuer. For one event loop."""

    def __init__(self, most: int = MOST) -> None:
        self._kept: LRUCache[bytes, _Kept[Said]] = LRUCache(most)

    def get(self, token: str, key: object, now: float) -> Said | None:
        """What it says; None where it was not verified with that very key, or is not good at that moment.

        `now`: seconds since 1970, by the clock that it was verified by.
        """
        digest = _digest(token)
        kept = self._kept.get(digest)
        if kept is None:
            return None
        if kept.key is key and kept.begins <= now < kept.ends:
            return kept.said
        del self._kept[digest]
        return None

    def keep(self, token: str, key: object, said: Said, *, begins: float, ends: float) -> None:
        """Remember what a good one says, from `begins` until `ends`."""
        self._kept[_digest(token)] = _Kept(said, key, begins, ends)

    def __contains__(self, token: str) -> bool:
        """Whether it was verified, be it good now or not."""
        return _digest(token) in self._kept


def seconds(claims: dict[str, Any], *names: str) -> float:
    """The latest of these moments of a token in whole seconds, as PyJWT takes them; 0 without any."""
    return max((float(int(claims[name])) for name in names if claims.get(name) is not None), default=0.0)


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
