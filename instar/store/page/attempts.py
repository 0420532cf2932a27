"""Logins at an outside issuer that are under way. The browser keeps each, sealed: strangers fill no table with them."""

import json
from datetime import datetime, timedelta
from typing import Any

from instar.store.database.columns import written
from instar.store.database.sealing import SealerProtocol
from instar.store.errors import SealingError

ATTEMPT_LASTS = timedelta(minutes=10)


class PageAttempts:
    """Whatever a login has to remember until the issuer answers."""

    def __init__(self, sealer: SealerProtocol) -> None:
        self._sealer = sealer

    def sealed(self, what: dict[str, str], now: datetime) -> str:
        """For a cookie; good for `ATTEMPT_LASTS`."""
        return self._sealer.seal(written({"until": (now + ATTEMPT_LASTS).timestamp(), "login": what}))

    def opened(self, sealed: str, now: datetime) -> dict[str, str] | None:
        """What was remembered; None where that is over, or not ours."""
        try:
            found: Any = json.loads(self._sealer.open(sealed))
        except (SealingError, ValueError):
            return None
        if not isinstance(found, dict) or "login" not in found or not now.timestamp() < float(found["until"]):
            return None
        return dict(found["login"])
