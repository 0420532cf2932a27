"""The run of which pictures are taken: one set, and upgrades that end each in its own way."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from instar.client.api_client import ApiClient
from instar.client.api_token import Login
from instar.client.sets.first_set import EXAMPLE
from instar.client.sets.machines import machines, version_of
from instar.demo.demo import DELAYS, SCALE_SET, demo_env, script_path, version_path
from instar.demo.demo_checks import FIRST, SICK
from instar.domain.images.images import ImageReference
from instar.domain.sets.names import os_upgrade_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.errors import Trouble
from instar.stack.guard.links import FILE as PAGE
from instar.stack.guard.links import Page
from instar.stack.processes import ProcessGroup
from instar.stack.stack import Ports, start_stack

MACHINES = 10
SHOP, MACHINES_OF_SHOP = SCALE_SET.replace("/web", "/shop"), 40
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.3

WAIT = timedelta(seconds=50)
"""A batch's time to become healthy: long enough that a picture can be taken in the middle of it."""

GOOD, SLOW, BAD, GATED, LAST = (
    FIRST.at(f"18.04.{day}") for day in ("202406031", "202407010", "202407151", "202408020", "202408170")
)

Json = dict[str, Any]


class Moment(StrEnum):
    """When a picture is taken, in the order of the run."""

    MIDDLE = "upgrade 2 waits for the health of a machine"
    END = "upgrade 1 completed, 2 was cancelled, 3 is Faulted, 4 is parked for an approval"
    SHOP = "in a larger set one machine has its old disk back already, and a batch waits for another one"


@dataclass(frozen=True)
class Scene:
    """What a shot may open. `temporal()` is a new link each time; `login` is of an Owner of the API."""

    api_url: str
    login: Login
    data_dir: Path
    scale_set: ScaleSetIdentity

    def temporal(self) -> str:
        """Temporal's page, opened."""
        return Page.read(self.data_dir / PAGE).link()

    def upgrade(self, number: int) -> str:
        """The id of an upgrade's workflow."""
        return os_upgrade_workflow_id(self.scale_set, number)


@contextmanager
def running() -> Iterator[tuple[Scene, Iterator[Moment]]]:
    """All on free ports of the loopback, in a directory of its own; a moment lasts until the next one is asked for."""
    with (
        tempfile.TemporaryDirectory(prefix="instar-pictures-") as directory,
        ProcessGroup(Path(directory) / "logs", print) as group,
    ):
        env = demo_env(Path(directory), DELAYS.model_copy(update={"health_wait": WAIT}))
        ports = Ports.chosen(0, 0, 0)
        login = start_stack(group, Path(directory), ports, env)
        with ApiClient(login) as api:
            play = _Play(api, group)
            unique_id = play.prepare()
            name = SCALE_SET.rpartition("/")[2]
            scale_set = ScaleSetIdentity(resource_id=SCALE_SET, name=name, unique_id=unique_id, location="westeurope")
            yield Scene(ports.api_url, login, Path(directory), scale_set), play.moments()


@dataclass(frozen=True)
class _Play:
    api: ApiClient
    group: ProcessGroup

    def prepare(self) -> str:
        """Ten healthy machines on the oldest version; the unique id of their set."""
        self._do("PUT", "/instar/simulated/defaults", {"swap": "PT0.5S", "boot": "PT1S"})
        self._publish(FIRST)
        document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
        document["sku"]["capacity"] = MACHINES
        self._do("PUT", SCALE_SET, document)
        return str(self.api.get(SCALE_SET)["properties"]["uniqueId"])

    def moments(self) -> Iterator[Moment]:
        """The run, from one moment to the next."""
        self._upgrade(GOOD, {})
        self._until(lambda: self._ended(1), "upgrade 1 to end")
        self._upgrade(SLOW, {"neverHealthy": [SICK]})
        self._until(lambda: self._decided(2) == "batch" and self._sick_is_on(SLOW), "upgrade 2 to wait for a machine")
        yield Moment.MIDDLE
        self._do("POST", f"{SCALE_SET}/rollingUpgrades/cancel", None)
        self._until(lambda: self._ended(2), "upgrade 2 to be cancelled")
        self._upgrade(BAD, {"neverHealthy": "all"})
        self._until(lambda: self._ended(3), "upgrade 3 to end")
        self.api.send("PUT", f"{SCALE_SET}/instar/rolloutPolicy", {"properties": {"approval": "first"}})
        self._upgrade(GATED, {})
        self._until(lambda: self._decided(4) == "approval", "upgrade 4 to wait for its approval")
        yield Moment.END
        document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
        document["sku"]["capacity"] = MACHINES_OF_SHOP
        self._do("PUT", SHOP, document)
        self._until(lambda: len(machines(self.api, SHOP)) == MACHINES_OF_SHOP, "the machines of the larger set")
        self._do("PUT", script_path(LAST), {"neverHealthy": ["3", "21"]})
        self._publish(LAST)
        self.api.send("POST", f"{SHOP}/instar/upgrade", {"reason": "it mends the leak"})
        self._until(lambda: self._has(SHOP, "21", LAST), "a batch of the larger set to wait for a machine")
        yield Moment.SHOP

    def _upgrade(self, image: ImageReference, script: Json) -> None:
        self._do("PUT", script_path(image), script)
        self._publish(image)
        self.api.send("POST", f"{SCALE_SET}/osRollingUpgrade", None)

    def _publish(self, image: ImageReference) -> None:
        self._do("PUT", version_path(image), {"location": "westeurope"})

    def _do(self, method: str, path: str, body: object) -> None:
        self.api.finish(self.api.send(method, path, body), self.group.pause, PATIENCE_SECONDS)

    def _of(self, number: int) -> Json:
        """An upgrade with its decisions; nothing while it has none."""
        numbers = [one["name"] for one in self.api.all(f"{SCALE_SET}/instar/upgrades")]
        if str(number) not in map(str, numbers):
            return {}
        told: Json = self.api.get(f"{SCALE_SET}/instar/upgrades/{number}", **{"$expand": "decisions"})
        return dict(told["properties"])

    def _decided(self, number: int) -> str:
        """The newest decision of an upgrade."""
        decisions = self._of(number).get("decisions") or [{"action": ""}]
        return str(decisions[-1]["action"])

    def _ended(self, number: int) -> bool:
        return self._of(number).get("status") in {"Completed", "Cancelled", "Faulted"}

    def _sick_is_on(self, image: ImageReference) -> bool:
        """Whether the machine that is never healthy on it has its new disk."""
        return self._has(SCALE_SET, SICK, image)

    def _has(self, scale_set: str, instance_id: str, image: ImageReference) -> bool:
        """Whether a machine has a disk of that version."""
        [one] = [one for one in machines(self.api, scale_set) if one["instanceId"] == instance_id]
        return version_of(one) == image.version

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > give_up_at:
                raise Trouble(f"waited {PATIENCE_SECONDS:g} s for {what}")
            self.group.pause(LOOK_SECONDS)
