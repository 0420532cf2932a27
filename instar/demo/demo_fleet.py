"""The scale set that a demo is about, as the API tells of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from instar.client.api_client import ApiClient
from instar.client.sets.machines import is_healthy, machines
from instar.client.showing.upgrade_view import UpgradeView
from instar.client.watch import follow
from instar.errors import Trouble
from instar.stack.processes import ProcessGroup

LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class DemoFleet:
    """One scale set: read, changed and waited for over HTTP alone.

    `patience` is what each wait is given, in seconds. Waiting raises Trouble once it is over, Stopped after a signal.
    """

    api: ApiClient
    group: ProcessGroup
    console: Console
    scale_set: str
    patience: float

    def say(self, line: str) -> None:
        """One line, as it stands."""
        self.console.print(line, markup=False, soft_wrap=True)

    def do(self, method: str, path: str, body: object) -> None:
        """Ask for it, and wait for the end of its operation."""
        self.api.finish(self.api.send(method, path, body), self.group.pause, self.patience)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until it holds."""
        give_up_at = time.monotonic() + self.patience
        while not holds():
            if time.monotonic() > give_up_at:
                raise Trouble(f"waited {self.patience:g} s for {what}")
            self.group.pause(LOOK_SECONDS)

    def until_healthy(self, count: int) -> None:
        """Wait for so many machines, all of them healthy."""

        def healthy() -> bool:
            machines = self.machines()
            return len(machines) == count and all(map(is_healthy, machines))

        self.until(healthy, f"{count} machines to be healthy")

    def follow(self, number: int) -> UpgradeView:
        """Wait for the upgrade of this number, counted from 1, to begin, and show it until it ends."""
        self.until(lambda: len(self.history()["value"]) == number, f"upgrade {number} to begin")
        return follow(self.api, self.scale_set, self.console, self.group.pause)

    def history(self) -> dict[str, Any]:
        """`osUpgradeHistory`, as it is answered."""
        history: dict[str, Any] = self.api.get(f"{self.scale_set}/osUpgradeHistory")
        return history

    def quarantine(self) -> list[dict[str, Any]]:
        """The versions that the set does not try again by itself."""
        told = self.api.get(f"{self.scale_set}/instar/automaticOSUpgrades")
        return list(told["properties"]["quarantine"])

    def machines(self) -> list[dict[str, Any]]:
        """Every machine with its health."""
        return machines(self.api, self.scale_set)
