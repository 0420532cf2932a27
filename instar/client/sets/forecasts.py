"""How far the upgrade of a set is, in a sentence (docs/rules.md C6)."""

import time

from instar.client.api_client import ApiAway, ApiClient, ApiRefused
from instar.client.sets import overviews
from instar.client.showing.pace import expectation

ASKED_EVERY = 5.0
"""Seconds: the API looks at the machines for each answer."""


def forecast(api: ApiClient, scale_set: str) -> str:
    """The sentence of the upgrade that runs; "" where none does. Raises ApiAway, ApiRefused."""
    return expectation(overviews.forecast(api, scale_set))


class Outlook:
    """The same for whoever looks on: asked for now and then, and what is known goes on while the API is away."""

    def __init__(self, api: ApiClient, scale_set: str) -> None:
        self._api = api
        self._scale_set = scale_set
        self._told = ""
        self._asked_at: float | None = None

    def sentence(self) -> str:
        """The newest that is known; "" while nothing is."""
        now = time.monotonic()
        if self._asked_at is None or now - self._asked_at >= ASKED_EVERY:
            self._asked_at = now
            try:
                self._told = forecast(self._api, self._scale_set)
            except (ApiAway, ApiRefused):
                return self._told
        return self._told
