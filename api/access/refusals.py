"""How many refusals somebody is answered with in a minute; what is more is 429 with `Retry-After`.

Only refusals count, and only they are answered so: whoever brings a good token, secret or role is never kept waiting by
what others, or the same address, do wrong.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TTLCache

from api.wire.errors import ArmError

WINDOW_SECONDS = 60.0

REMEMBERED = 10_000
"""Addresses and principals at once; of more, whoever came first is forgotten."""

PER_MINUTE = 120


@dataclass
class _Window:
    began: float
    refusals: int = 0


class Refusals:
    """Counts of this process."""

    def __init__(self, per_minute: int = PER_MINUTE, timer: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._timer = timer
        self._windows: TTLCache[str, _Window] = TTLCache(REMEMBERED, WINDOW_SECONDS, timer)

    def wait(self, who: str) -> int:
        """Count a refusal; seconds until the next may be answered, 0 while there are few."""
        window = self._windows.get(who)
        if window is None:
            window = self._windows[who] = _Window(self._timer())
        window.refusals += 1
        return self._left(window) if window.refusals > self.per_minute else 0

    def _left(self, window: _Window) -> int:
        return max(1, math.ceil(window.began + WINDOW_SECONDS - self._timer()))


def too_many(seconds: int) -> ArmError:
    """The answer to a refusal too many."""
    return ArmError(
        429,
        "TooManyRequests",
        f"Too many requests were refused within a minute. Try again in {seconds} seconds.",
        headers={"Retry-After": str(seconds)},
    )
