"""`instar demo`: a fleet that upgrades itself through a good, a bad and again a good version, over HTTP alone."""

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from domain.delays import Delays
from domain.images import ImageReference
from instar.api_client import ApiClient
from instar.demo_checks import (
    BAD,
    CAPACITY,
    FIRST,
    MENDED,
    SECOND,
    SICK,
    Check,
    ended_as_told,
    judged,
    quarantined,
    say_checks,
)
from instar.errors import Trouble
from instar.processes import ProcessGroup, Stopped
from instar.stack import Ports, start_stack
from instar.upgrade_view import UpgradeView
from instar.watch import DEFAULT_SUBSCRIPTION, follow

__all__ = ["Stopped", "demo"]

EXAMPLE = Path(__file__).parent.parent / "examples" / "web.vmss.json"

GROUP = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/demo/providers/Microsoft.Compute"
SCALE_SET = f"{GROUP}/virtualMachineScaleSets/web"

DELAYS = Delays(
    first_trigger=timedelta(seconds=5),
    health_wait=timedelta(seconds=6),
    health_poll_most=timedelta(seconds=1),
    look_least=timedelta(seconds=20),
    look_most=timedelta(seconds=40),
    nudge_most=timedelta(seconds=3),
)
SWAP = timedelta(seconds=1)
BOOT = timedelta(seconds=1)

MACHINES_SECONDS = 60.0
"""Given to the set to be made and healthy; it takes the boot."""

BEGIN_SECONDS = 30.0
"""Given to an upgrade to begin by itself; it takes the first trigger, or a look."""


def demo(console: Console) -> bool:
    """Run it; whether everything held. Raises Trouble if something cannot even run, Stopped after a signal."""
    with (
        tempfile.TemporaryDirectory(prefix="instar-demo-") as directory,
        ProcessGroup(Path(directory) / "logs", console.print) as group,
    ):
        env = demo_env(Path(directory))
        ports = Ports.chosen(0, 0, 0)
        console.print("Starting a Temporal server, a worker and the API in a temporary directory.")
        login = start_stack(group, Path(directory), ports, env)
        console.print(f"Temporal's own page shows it too, while it lasts: {ports.ui_url}")
        console.print(f"So does the API: {ports.api_url}/docs")
        with ApiClient(login) as api:
            play = Play(api, group, console)
            play.prepare()
            upgrades = [play.first(), play.bad(), play.mended()]
            play.tell()
            return say_checks(console, play.checks(upgrades))


def demo_env(directory: Path, delays: Delays = DELAYS) -> dict[str, str]:
    """The environment without the person's own Instar settings, and with short delays."""
    mine = {name: value for name, value in os.environ.items() if not name.upper().startswith("INSTAR_")}
    short = {name: value for name, value in delays.model_dump(mode="json").items() if name in delays.model_fields_set}
    return mine | {
        "INSTAR_DATA_DIR": str(directory),
        **{f"INSTAR_DELAYS__{name.upper()}": value for name, value in short.items()},
    }


@dataclass(frozen=True)
class Play:
    """The acts, each said before it is done."""

    api: ApiClient
    group: ProcessGroup
    console: Console

    def prepare(self) -> None:
        """Twenty healthy machines on the older version."""
        self._say(f"1. Publish {FIRST}, and script how long simulated machines take: swap 1 s, boot 1 s.")
        self._do("PUT", "/instar/simulated/defaults", {"swap": seconds(SWAP), "boot": seconds(BOOT)})
        self._publish(FIRST)
        self._say(f"2. Make the scale set of {EXAMPLE.name}: 20 machines, two data disks each, a health extension.")
        self._do("PUT", SCALE_SET, json.loads(EXAMPLE.read_text(encoding="utf-8")))
        waited = 0.0
        while not all(map(is_healthy, self._machines())) or len(self._machines()) != CAPACITY:
            if waited > MACHINES_SECONDS:
                raise Trouble(f"the scale set was not healthy after {MACHINES_SECONDS:g} s")
            self.group.pause(0.5)
            waited += 0.5
        versions = sorted({version_of(machine) for machine in self._machines()})
        self._say(f"   {len(self._machines())} machines, all healthy, on {', '.join(versions)}.")

    def first(self) -> UpgradeView:
        """Enable, publish, and only look on: the first trigger of the set (T1)."""
        default = Delays()
        self._say("3. Enable automatic upgrades (PATCH). Nobody starts an upgrade from here on.")
        self._say(
            f"   Shortened for this demo: the first upgrade begins {words(DELAYS.first_trigger)} after that "
            f"(by default {words(default.first_trigger)}); a batch has {words(DELAYS.health_wait)} to become healthy "
            f"(by default {words(default.health_wait)}).",
        )
        automatic = {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}
        self.api.send("PATCH", SCALE_SET, {"properties": automatic})
        self._say(f"4. Publish {SECOND}. It is scripted: machine {SICK}, in the third batch, never gets healthy on it.")
        self._do("PUT", script_path(SECOND), {"neverHealthy": [SICK]})
        self._publish(SECOND)
        self._say("   The timer fires, and the upgrade starts by itself.")
        return self._follow(1)

    def bad(self) -> UpgradeView:
        """A later version, found by the set itself, that suits nobody (T2, P9, T5)."""
        self._say(f"5. Publish {BAD}. No machine gets healthy on it. The set looks at the catalogue, and finds it.")
        self._do("PUT", script_path(BAD), {"neverHealthy": "all"})
        self._publish(BAD)
        view = self._follow(2)
        self._until(lambda: bool(self._quarantine()), f"{BAD.version} to be quarantined")
        for one in self._quarantine():
            if one["wholeSet"]:
                self._say(f"   Quarantined: {one['version']}: {one['reason']}")
        return view

    def mended(self) -> UpgradeView:
        """One more version: a newer one is tried whatever is quarantined (T5)."""
        self._say(f"6. Publish {MENDED}, which is good. A newer version is tried whatever is quarantined.")
        self._publish(MENDED)
        return self._follow(3)

    def tell(self) -> None:
        """The history, as the API has it."""
        self._say("7. The history, exactly as the API returns it, the latest upgrade first:")
        self.console.print(json.dumps(self._history(), indent=2), markup=False, soft_wrap=True)

    def checks(self, upgrades: list[UpgradeView]) -> list[Check]:
        """What must hold at the end, by the API and by the flight recorder, whatever the orchestrator says."""
        machines = self._machines()
        unique_id = self.api.get(SCALE_SET)["properties"]["uniqueId"]
        return [
            *ended_as_told(upgrades, self._history()["value"]),
            quarantined(self._quarantine()),
            Check(
                f"all {CAPACITY} machines are on {MENDED.version} and healthy, machine {SICK} too",
                len(machines) == CAPACITY
                and all(version_of(one) == MENDED.version and is_healthy(one) for one in machines),
            ),
            *judged(self.api.get(f"/instar/simulated/flight-record/{unique_id}")),
        ]

    def _follow(self, number: int) -> UpgradeView:
        self._until(lambda: len(self._history()["value"]) == number, f"upgrade {number} to begin by itself")
        return follow(self.api, SCALE_SET, self.console, self.group.pause)

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        give_up_at = time.monotonic() + BEGIN_SECONDS
        while not holds():
            if time.monotonic() > give_up_at:
                raise Trouble(f"waited {BEGIN_SECONDS:g} s for {what}")
            self.group.pause(0.25)

    def _history(self) -> dict[str, Any]:
        history: dict[str, Any] = self.api.get(f"{SCALE_SET}/osUpgradeHistory")
        return history

    def _quarantine(self) -> list[dict[str, Any]]:
        told = self.api.get(f"{SCALE_SET}/instar/automaticOSUpgrades")
        return list(told["properties"]["quarantine"])

    def _publish(self, image: ImageReference) -> None:
        path = (
            f"/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope"
            f"/publishers/{image.publisher}/artifacttypes/vmimage/offers/{image.offer}/skus/{image.sku}"
            f"/versions/{image.version}"
        )
        self._do("PUT", path, {"location": "westeurope"})

    def _do(self, method: str, path: str, body: object) -> None:
        self.api.finish(self.api.send(method, path, body), self.group.pause, MACHINES_SECONDS)

    def _machines(self) -> list[dict[str, Any]]:
        listed = self.api.get(f"{SCALE_SET}/virtualMachines", _expand="instanceView")
        return list(listed["value"])

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)


def version_of(machine: dict[str, Any]) -> str:
    """The exact version of a machine's OS disk, from the API's body."""
    return str(machine["properties"]["storageProfile"]["imageReference"].get("exactVersion", ""))


def is_healthy(machine: dict[str, Any]) -> bool:
    """Whether the API saw it healthy."""
    health = machine["properties"].get("instanceView", {}).get("vmHealth", {})
    return str(health.get("status", {}).get("code", "")).lower() == "healthstate/healthy"


def script_path(image: ImageReference) -> str:
    """Where the behaviour of machines on one version is scripted."""
    return f"/instar/simulated/versions/{image.publisher}/{image.offer}/{image.sku}/{image.version}"


def seconds(duration: timedelta) -> str:
    """ISO 8601.

    >>> seconds(timedelta(seconds=2))
    'PT2S'
    """
    return f"PT{duration.total_seconds():g}S"


def words(duration: timedelta) -> str:
    """For a sentence.

    >>> words(timedelta(hours=1)), words(timedelta(minutes=5)), words(timedelta(seconds=6))
    ('1 hour', '5 minutes', '6 seconds')
    """
    whole = int(duration.total_seconds())
    for size, unit in ((3600, "hours"), (60, "minutes")):
        if whole % size == 0:
            count = whole // size
            return f"{count} {unit}" if count != 1 else f"1 {unit[:-1]}"
    return f"{whole} seconds"
