"""`instar demo`: a fleet upgrades itself through a good, a bad and a good version, then goes back, over HTTP alone."""

import json
import os
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from instar.client.api_client import ApiClient
from instar.client.sets.first_set import EXAMPLE
from instar.client.sets.machines import is_healthy, version_of
from instar.client.showing.upgrade_view import UpgradeView
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.demo.demo_checks import (
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
from instar.demo.demo_fleet import DemoFleet
from instar.domain.delays import Delays
from instar.domain.images.images import ImageReference
from instar.domain.spans import in_words
from instar.stack.guard.links import FILE as PAGE
from instar.stack.guard.links import Page
from instar.stack.processes import ProcessGroup, Stopped
from instar.stack.stack import Ports, start_stack

__all__ = ["Stopped", "demo"]

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
SWAP = timedelta(seconds=0.5)
BOOT = timedelta(seconds=0.5)
BAKE = timedelta(seconds=3)

PATIENCE_SECONDS = 60.0
"""Given to each step: the set to be made and healthy (a boot), an upgrade to begin by itself (a look)."""


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
        console.print(f"Temporal's own page shows it too, while it lasts: {Page.read(Path(directory) / PAGE).link()}")
        console.print(f"So does the API: {ports.api_url}/docs")
        with ApiClient(login) as api:
            play = Play(DemoFleet(api, group, console, SCALE_SET, PATIENCE_SECONDS))
            play.prepare()
            upgrades = [play.first(), play.bad(), play.mended(), play.back()]
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

    fleet: DemoFleet

    def prepare(self) -> None:
        """Twenty healthy machines on the older version."""
        self.fleet.say(
            f"1. Publish {FIRST}, and script how long simulated machines take: half a second to swap, and to boot."
        )
        self.fleet.do("PUT", "/instar/simulated/defaults", {"swap": seconds(SWAP), "boot": seconds(BOOT)})
        self._publish(FIRST)
        self.fleet.say(
            f"2. Make the scale set of {EXAMPLE.name}: 20 machines, two data disks each, a health extension."
        )
        self.fleet.do("PUT", SCALE_SET, json.loads(EXAMPLE.read_text(encoding="utf-8")))
        self.fleet.until_healthy(CAPACITY)
        versions = sorted({version_of(machine) for machine in self.fleet.machines()})
        self.fleet.say(f"   {len(self.fleet.machines())} machines, all healthy, on {', '.join(versions)}.")

    def first(self) -> UpgradeView:
        """Enable, publish, and only look on: the first trigger of the set (T1)."""
        default = Delays()
        self.fleet.say("3. Enable automatic upgrades (PATCH). Nobody starts an upgrade from here on.")
        self.fleet.say(
            f"   Shortened for this demo: the first upgrade begins {in_words(DELAYS.first_trigger)} after that "
            f"(by default {in_words(default.first_trigger)}); a batch has {in_words(DELAYS.health_wait)} to become "
            f"healthy (by default {in_words(default.health_wait)}).",
        )
        automatic = {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}
        self.fleet.api.send("PATCH", SCALE_SET, {"properties": automatic})
        self.fleet.say(
            f"4. Publish {SECOND}. It is scripted: machine {SICK}, in the third batch, never gets healthy on it."
        )
        self.fleet.do("PUT", script_path(SECOND), {"neverHealthy": [SICK]})
        self._publish(SECOND)
        self.fleet.say("   The timer fires, and the upgrade starts by itself.")
        return self.fleet.follow(1)

    def bad(self) -> UpgradeView:
        """A later version, found by the set itself, that suits nobody (T2, P9, T5)."""
        self.fleet.say(
            f"5. Publish {BAD}. No machine gets healthy on it. The set looks at the catalogue, and finds it."
        )
        self.fleet.do("PUT", script_path(BAD), {"neverHealthy": "all"})
        self._publish(BAD)
        view = self.fleet.follow(2)
        self.fleet.until(lambda: bool(self.fleet.quarantine()), f"{BAD.version} to be quarantined")
        for one in self.fleet.quarantine():
            if one["wholeSet"]:
                self.fleet.say(f"   Quarantined: {one['version']}: {one['reason']}")
        return view

    def mended(self) -> UpgradeView:
        """One more version: a newer one is tried whatever is quarantined (T5), on one machine first (W1, W2)."""
        self.fleet.say(
            f"6. From now on a canary goes first: one machine, watched for {in_words(BAKE)} before the others follow."
        )
        policy = {"properties": {"waves": [1, "100%"], "canary": {"bake": seconds(BAKE)}}}
        self.fleet.api.send("PUT", f"{SCALE_SET}/instar/rolloutPolicy", policy)
        self.fleet.say(f"   Publish {MENDED}, which is good. A newer version is tried whatever is quarantined.")
        self._publish(MENDED)
        return self.fleet.follow(3)

    def back(self) -> UpgradeView:
        """A person does not like the newest version after all (R2)."""
        self.fleet.say("7. Somebody wants the old image back: every machine gets the disk that it had before.")
        self.fleet.api.send("DELETE", f"{SCALE_SET}/instar/rolloutPolicy", None)
        self.fleet.api.send("POST", f"{SCALE_SET}/instar/rollback", {"reason": "the newest image is slow"})
        return self.fleet.follow(4)

    def tell(self) -> None:
        """The history, as the API has it."""
        self.fleet.say("8. The history, exactly as the API returns it, the latest upgrade first:")
        self.fleet.console.print(json.dumps(self.fleet.history(), indent=2), markup=False, soft_wrap=True)

    def checks(self, upgrades: list[UpgradeView]) -> list[Check]:
        """What must hold at the end, by the API and by the flight recorder, whatever the orchestrator says."""
        machines = self.fleet.machines()
        unique_id = self.fleet.api.get(SCALE_SET)["properties"]["uniqueId"]
        return [
            *ended_as_told(upgrades, self.fleet.history()["value"]),
            quarantined(self.fleet.quarantine()),
            Check(
                f"all machines are healthy, on {SECOND.version} again; machine {SICK}, as before, on {FIRST.version}",
                len(machines) == CAPACITY
                and all(map(is_healthy, machines))
                and Counter(map(version_of, machines)) == {SECOND.version: CAPACITY - 1, FIRST.version: 1},
            ),
            *judged(self.fleet.api.get(f"/instar/simulated/flight-record/{unique_id}")),
        ]

    def _publish(self, image: ImageReference) -> None:
        self.fleet.do("PUT", version_path(image), {"location": "westeurope"})


def version_path(image: ImageReference) -> str:
    """Where one version is published."""
    return (
        f"/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope"
        f"/publishers/{image.publisher}/artifacttypes/vmimage/offers/{image.offer}/skus/{image.sku}"
        f"/versions/{image.version}"
    )


def script_path(image: ImageReference) -> str:
    """Where the behaviour of machines on one version is scripted."""
    return f"/instar/simulated/versions/{image.publisher}/{image.offer}/{image.sku}/{image.version}"


def seconds(duration: timedelta) -> str:
    """ISO 8601.

    >>> seconds(timedelta(seconds=2))
    'PT2S'
    """
    return f"PT{duration.total_seconds():g}S"
