"""All pages that are open, in this process: who joins whom, and how many there may be."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette

from api.page.live.pollers import Listener, Poller
from api.page.live.questions import Question
from api.services.dependencies import Services
from api.wire.errors import ArmError
from instar.domain.access import Grant

Rights = tuple[Grant, ...]

SHARE = 2
"""Every second connection, of all and of one address, is left to others: to requests that get an answer and go."""


@dataclass(eq=False)
class Hub:
    """Close it."""

    pollers: dict[tuple[str, Rights], Poller] = field(default_factory=dict)
    _open: dict[str, int] = field(default_factory=dict)
    """How many, by the address that they come from."""

    @contextmanager
    def listening(
        self, listener: Listener, rights: Rights, question: Callable[[Rights], Question], name: str
    ) -> Iterator[Poller]:
        """Listen, together with whoever has the same rights and the same question."""
        origin = listener.api.client[0]
        key = (name, rights)
        poller = self.pollers.get(key)
        if poller is None:
            poller = self.pollers[key] = Poller(question(rights))
        self._open[origin] = self._open.get(origin, 0) + 1
        poller.join(listener)
        try:
            yield poller
        finally:
            self._open[origin] -= 1
            if not self._open[origin]:
                del self._open[origin]
            if poller.leave(listener) and self.pollers.get(key) is poller:
                del self.pollers[key]

    def check(self, services: Services, origin: str) -> None:
        """Raises ArmError 503 where there is no room for one more from that address."""
        connections = services.settings.connections
        most, of_one = connections.most // SHARE, connections.per_address // SHARE
        if sum(self._open.values()) >= most:
            raise too_many(f"{most} pages are open", "INSTAR_CONNECTIONS__MOST")
        if self._open.get(origin, 0) >= of_one:
            raise too_many(f"{of_one} pages are open from this address", "INSTAR_CONNECTIONS__PER_ADDRESS")

    def close(self) -> None:
        """End all looks."""
        for poller in self.pollers.values():
            poller.close()
        self.pollers.clear()


def too_many(what: str, setting: str) -> ArmError:
    """The answer to whoever would be one too many."""
    message = (
        f"{what}, as many as may be live at once: this one shows what was when it was loaded. "
        f"Close one, or let {setting} be larger."
    )
    return ArmError(503, "TooManyOpenPages", message, headers={"Retry-After": "30"})


def hub_of(app: Starlette) -> Hub:
    """That of an application."""
    hub: Hub | None = getattr(app.state, "page_hub", None)
    if hub is None:
        hub = app.state.page_hub = Hub()
    return hub
