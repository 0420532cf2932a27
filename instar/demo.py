"""`instar demo`: one upgrade of 20 simulated machines from end to end, through the HTTP API alone."""

import json
import os
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from domain.delays import Delays
from domain.images import ImageReference
from domain.progress import Outcome
from domain.records import UpgradeStatus
from instar.api_client import ApiClient
from instar.errors import Trouble
from instar.processes import ProcessGroup, Stopped
from instar.stack import Ports, start_stack
from instar.upgrade_view import UpgradeView
from instar.watch import DEFAULT_SUBSCRIPTION, follow

__all__ = ["Stopped", "demo"]

EXAMPLE = Path(__file__).parent.parent / "examples" / "web.vmss.json"

GROUP = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/demo/providers/Microsoft.Compute"
SCALE_SET = f"{GROUP}/virtualMachineScaleSets/web"
LINE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS")
OLDER = LINE.at("18.04.202401161")
NEWER = LINE.at("18.04.202406031")

SICK = "9"
"""In the third batch of four. In the first it would be 1 of 4, more than 20 %, and the end of the upgrade (P9)."""

DELAYS = Delays(
    first_trigger=timedelta(seconds=8),
    health_wait=timedelta(seconds=6),
    health_poll_most=timedelta(seconds=1),
)
SWAP = timedelta(seconds=2)
BOOT = timedelta(seconds=3)

MACHINES_SECONDS = 60.0
"""Given to the set to be made and healthy; it takes the boot."""

CAPACITY = 20
SHARE = 4
"""20 % of 20 (B1)."""


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
            view = play.upgrade()
            checks = play.checks(view)
            return say_checks(console, checks + play.verdict())


def demo_env(directory: Path, delays: Delays = DELAYS) -> dict[str, str]:
    """The environment without the person's own Instar settings, and with short delays."""
    mine = {name: value for name, value in os.environ.items() if not name.upper().startswith("INSTAR_")}
    short = {name: value for name, value in delays.model_dump(mode="json").items() if name in delays.model_fields_set}
    return mine | {
        "INSTAR_DATA_DIR": str(directory),
        **{f"INSTAR_DELAYS__{name.upper()}": value for name, value in short.items()},
    }


@dataclass(frozen=True)
class Check:
    """Something that must hold at the end."""

    sentence: str
    held: bool


@dataclass(frozen=True)
class Play:
    """The acts, each said before it is done."""

    api: ApiClient
    group: ProcessGroup
    console: Console

    def prepare(self) -> None:
        """Twenty healthy machines on the older version."""
        self._say(f"1. Publish {OLDER}, and script how long simulated machines take: swap 2 s, boot 3 s.")
        self._do("PUT", "/instar/simulated/defaults", {"swap": seconds(SWAP), "boot": seconds(BOOT)})
        self._publish(OLDER)
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

    def upgrade(self) -> UpgradeView:
        """Enable, publish, and only look on."""
        default = Delays()
        self._say("3. Enable automatic upgrades (PATCH). Nothing else starts the upgrade.")
        self._say(
            f"   Shortened for this demo: the first upgrade begins {words(DELAYS.first_trigger)} after that "
            f"(by default {words(default.first_trigger)}); a batch has {words(DELAYS.health_wait)} to become healthy "
            f"(by default {words(default.health_wait)}).",
        )
        automatic = {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}
        self.api.send("PATCH", SCALE_SET, {"properties": automatic})
        self._say(f"4. Publish {NEWER}. It is scripted: machine {SICK}, in the third batch, never gets healthy on it.")
        self._do("PUT", script_path(NEWER), {"neverHealthy": [SICK]})
        self._publish(NEWER)
        self._say("5. The timer fires, and the upgrade starts by itself.")
        return follow(self.api, SCALE_SET, self.console, self.group.pause)

    def checks(self, view: UpgradeView) -> list[Check]:
        """What the API tells at the end."""
        history = self.api.get(f"{SCALE_SET}/osUpgradeHistory")
        self._say("6. Its history, exactly as the API returns it:")
        self.console.print(json.dumps(history, indent=2), markup=False, soft_wrap=True)
        machines = {str(machine["instanceId"]): machine for machine in self._machines()}
        outcomes = {one.instance_id: one.outcome for batch in view.batches for one in batch.machines}
        run = history["value"][0]["properties"]
        others = [machine for key, machine in machines.items() if key != SICK]
        return [
            Check(
                "one upgrade ran, started by the platform, and completed",
                len(history["value"]) == 1
                and run["startedBy"] == "Platform"
                and run["runningStatus"]["code"] == UpgradeStatus.COMPLETED,
            ),
            Check(
                f"{len(others)} machines are on {NEWER.version} and healthy",
                len(others) == CAPACITY - 1
                and all(version_of(one) == NEWER.version and is_healthy(one) for one in others),
            ),
            Check(
                f"machine {SICK} failed, was given its old disk back ({OLDER.version}), and is healthy on it",
                outcomes.get(SICK) is Outcome.ROLLED_BACK
                and version_of(machines[SICK]) == OLDER.version
                and is_healthy(machines[SICK])
                and run["rollbackInfo"]["successfullyRolledbackInstanceCount"] == 1,
            ),
            Check(
                "the history counts 19 successful and 1 failed",
                run["progress"]["successfulInstanceCount"] == CAPACITY - 1
                and run["progress"]["failedInstanceCount"] == 1,
            ),
        ]

    def verdict(self) -> list[Check]:
        """What the flight recorder saw of the set, whatever the orchestrator says."""
        unique_id = self.api.get(SCALE_SET)["properties"]["uniqueId"]
        return judged(self.api.get(f"/instar/simulated/flight-record/{unique_id}"))

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


def judged(verdict: dict[str, Any]) -> list[Check]:
    """What the flight recorder found, as checks: its figures, and each rule that was broken."""
    most, swaps, each = verdict["mostOutAtOnce"], verdict["swaps"], verdict["swapsPerInstance"]
    unchanged = verdict["dataDisksUnchanged"]
    return [
        Check(f"flight recorder: most machines out at once: {most}, limit {SHARE}", 0 < most <= SHARE),
        Check(
            f"flight recorder: {swaps} swaps of {CAPACITY} machines, at most {each} of each; "
            f"old disks given back: {verdict['restores']}",
            swaps == CAPACITY and each == 1 and verdict["restores"] == 1,
        ),
        Check(f"flight recorder: data disks {'un' if unchanged else ''}changed", bool(unchanged)),
        Check("flight recorder: no rule broken", bool(verdict["clean"])),
        *(
            Check(f"flight recorder: {one['rule']}, machine {one['instanceId']}: {one['sentence']}", held=False)
            for one in verdict["violations"]
        ),
    ]


def say_checks(console: Console, checks: list[Check]) -> bool:
    """Say each; whether all held."""
    console.print("7. Did it go as the rules say?")
    for check in checks:
        word = ("yes  ", "green") if check.held else ("NO   ", "bold red")
        console.print(Text.assemble(word, check.sentence), soft_wrap=True)
    held = all(check.held for check in checks)
    console.print("[bold green]Everything held.[/]" if held else "[bold red]Not everything held.[/]")
    return held


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
