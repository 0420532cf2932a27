"""Links that open Temporal's page once, and the sessions that they begin (RFC 7519 tokens, signed with the page's key).

The page has a host name of its own, `instar-….localhost`, which nobody can guess: a browser sends a cookie to every
port of a host, and other users of the machine may have servers at other ports of `localhost`.
"""

import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt

from instar.compute.clock import Clock, utc_now

KEY_BYTES = 32
LINK_LIFE = timedelta(minutes=10)
SESSION_LIFE = timedelta(hours=12)
INSTARS = b"host name of Instar's page"
"""A name of its own: the cookies of one page are no affair of the other."""

LINK, SESSION = "link", "session"
OPEN = "/instar/open"
FILE = "page.json"


@dataclass(frozen=True)
class Page:
    """Where the page is, and the key that opens it: a file in the data directory, private to the user."""

    key: str
    url: str
    """Scheme, host and port."""
    own_network: bool = False
    """Whether the Temporal server behind it has a network of its own, so that nobody gets past the guard."""

    @classmethod
    def read(cls, path: Path) -> "Page":
        """Raises OSError, ValueError."""
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in ("key", "url")):
            raise ValueError("it lacks the key or the URL of the page")
        return cls(found["key"], found["url"], found.get("own_network") is True)

    def link(self, clock: Clock = utc_now) -> str:
        """A URL that begins a session, once and soon."""
        return f"{self.url}{OPEN}?link={_signed(self.key, LINK, clock() + LINK_LIFE)}"


def new_key() -> str:
    """Of a page that has none yet."""
    return secrets.token_hex(KEY_BYTES)


def host_of(key: str, of: bytes = b"host name") -> str:
    """The page's host name: browsers take every name below `localhost` for this machine.

    >>> host_of("00"), host_of("00", INSTARS)
    ('instar-f6013889348f.localhost', 'instar-c644aa699dac.localhost')
    """
    return f"instar-{hmac.new(key.encode(), of, hashlib.sha256).hexdigest()[:12]}.localhost"


@dataclass
class Sessions:
    """What the page's own process knows: which links were used."""

    key: str
    clock: Callable[[], datetime] = utc_now
    _used: dict[str, float] = field(default_factory=dict)

    def begin(self, link: str) -> str | None:
        """A session for a link; None for one that is none, too old, or was used."""
        claims = self._claims(link, LINK)
        now = self.clock().timestamp()
        self._used = {used: until for used, until in self._used.items() if until > now}
        if claims is None or str(claims["jti"]) in self._used:
            return None
        self._used[str(claims["jti"])] = float(claims["exp"])
        return _signed(self.key, SESSION, self.clock() + SESSION_LIFE)

    def is_good(self, session: str) -> bool:
        """Whether it was begun here and is not over."""
        return self._claims(session, SESSION) is not None

    def _claims(self, token: str, kind: str) -> dict[str, Any] | None:
        # Its end is judged by our own clock, below.
        options: Any = {"require": ["exp", "aud", "jti"], "verify_exp": False}
        try:
            claims: dict[str, Any] = jwt.decode(token, self.key, ["HS256"], options=options, audience=kind)
        except (jwt.InvalidTokenError, ValueError):
            return None
        return claims if self.clock().timestamp() < float(claims["exp"]) else None


def _signed(key: str, kind: str, until: datetime) -> str:
    claims = {"aud": kind, "exp": int(until.timestamp()), "jti": str(uuid.uuid4())}
    return jwt.encode(claims, key, "HS256")
