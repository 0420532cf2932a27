"""`instar demo-libvirt`: five machines that really boot, upgraded, and rolled back from two bad versions."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from instar.client.api_client import ApiClient
from instar.client.images import Place, hypervisor, publish
from instar.client.sets.machines import is_healthy, version_of
from instar.client.showing.upgrade_view import UpgradeView
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.connection.settings import Settings
from instar.demo.demo import demo_env
from instar.demo.demo_checks import Check, rolled_back, say_checks
from instar.demo.demo_fleet import DemoFleet
from instar.demo.private_libvirt import PrivateLibvirt
from instar.domain.delays import Delays
from instar.domain.images.images import ImageReference
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.stack.guard.links import FILE as PAGE
from instar.stack.guard.links import Page
from instar.stack.processes import ProcessGroup
from instar.stack.stack import Ports, start_stack

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "tiny.vmss.json"
GUESTS = ROOT / "deploy" / "tiny-guest.sh"

SCALE_SET = (
    f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/demo/providers/Microsoft.Compute"
    "/virtualMachineScaleSets/tiny"
)
LOCATION = "westeurope"
LINE = ImageReference(publisher="Instar", offer="tiny", sku="guest")
CAPACITY = 5

DELAYS = Delays(health_wait=timedelta(seconds=35), health_poll_most=timedelta(seconds=1))
"""A boot in software takes five seconds on an idle machine, several at once longer."""

MACHINES_SECONDS = 180.0
GUESTS_SECONDS = 120.0
ANSWER_SECONDS = 5.0


def demo_libvirt(console: Console) -> bool:
    """Run it; whether everything held. Raises Trouble if something cannot even run, Stopped after a signal."""
    folder = Path(tempfile.mkdtemp(prefix="instar-"))  # a short path, for the sake of sockets
    data = folder / "data"
    data.mkdir()
    try:
        with ProcessGroup(folder / "logs", console.print) as group, PrivateLibvirt(folder / "l") as private:
            ports = Ports.chosen(0, 0, 0)
            env = demo_env(data, DELAYS) | private.settings()
            login = start_stack(group, data, ports, env)
            console.print(f"Temporal's own page shows it too, while it lasts: {Page.read(data / PAGE).link()}")
            with ApiClient(login) as api:
                place = Place(_settings(data, private), login, DEFAULT_SUBSCRIPTION, LOCATION)
                fleet = DemoFleet(api, group, console, SCALE_SET, MACHINES_SECONDS)
                return Play(fleet, place, folder / "guests").run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settings(data: Path, private: PrivateLibvirt) -> Settings:
    start = "INSTAR_LIBVIRT__"
    given = {
        name.removeprefix(start).lower(): value for name, value in private.settings().items() if name.startswith(start)
    }
    return Settings(data_dir=data, libvirt=given)


@dataclass(frozen=True)
class Play:
    """The acts, each said before it is done and timed."""

    fleet: DemoFleet
    place: Place
    guests: Path
    took: list[tuple[str, float]] = field(default_factory=list)

    def run(self) -> bool:
        """All of it."""
        with self._act("1. Build four tiny guests: v1, v2, one whose service never answers, one whose kernel panics."):
            subprocess.run(  # noqa: S603  # our own script
                [GUESTS, self.guests], check=True, timeout=GUESTS_SECONDS, stdin=subprocess.DEVNULL
            )
        with self._act(f"2. Publish v1 and boot {CAPACITY} machines on it, a data disk each."):
            self._publish("1.0.0", "v1")
            document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
            self.fleet.do("PUT", SCALE_SET, document)
            self.fleet.until_healthy(CAPACITY)
        before = self._answers()
        with self._act("3. Publish v2 and upgrade to it through the API, two machines at a time."):
            forward = self._upgrade("2.0.0", "v2", 1)
        after = self._answers()
        with self._act("4. Publish a version that boots and whose service never answers: it is rolled back."):
            silent = self._upgrade("3.0.0", "silent", 2)
            self.fleet.until_healthy(CAPACITY)
        with self._act("5. Publish a version whose kernel panics: it is rolled back."):
            panic = self._upgrade("4.0.0", "panic", 3)
            self.fleet.until_healthy(CAPACITY)
        last = self._answers()
        self.fleet.say("6. What each machine says of itself in the end, and how long the acts took:")
        for instance_id, said in sorted(last.items()):
            self.fleet.say(f"   machine {instance_id}: {json.dumps(said)}")
        for act, seconds in self.took:
            self.fleet.say(f"   {seconds:6.1f} s  {act}")
        checks = [
            _all_say(before, "v1", 1, "every machine booted v1 once"),
            Check("the upgrade to v2 completed", forward.status is UpgradeStatus.COMPLETED),
            _all_say(after, "v2", 2, "every machine is on v2, on a data disk that it has booted with twice"),
            *_rolled_back("the version that never answers", silent),
            *_rolled_back("the version that panics", panic),
            Check(
                "every machine is on v2 again and healthy",
                [version_of(machine) for machine in self.fleet.machines()] == ["2.0.0"] * CAPACITY
                and all(is_healthy(machine) for machine in self.fleet.machines()),
            ),
            Check(
                "data disks were kept: each counts every boot of its machine, on whichever OS disk",
                all(said["data_boots"] == _boots(one, silent, panic) for one, said in last.items())
                and len(last) == CAPACITY,
            ),
        ]
        return say_checks(self.fleet.console, checks)

    @contextmanager
    def _act(self, line: str) -> Iterator[None]:
        self.fleet.say(line)
        started = time.monotonic()
        yield
        self.took.append((line, time.monotonic() - started))

    def _publish(self, version: str, guest: str) -> None:
        publish(self.place, LINE.at(version), self.guests / f"{guest}.qcow2", self.fleet.console)

    def _upgrade(self, version: str, guest: str, number: int) -> UpgradeView:
        self._publish(version, guest)
        self.fleet.api.send("POST", f"{SCALE_SET}/osRollingUpgrade")
        return self.fleet.follow(number)

    def _answers(self) -> dict[str, dict[str, Any]]:
        """What each guest says of itself, asked through its forwarded port."""
        from instar.compute.libvirt import machines  # noqa: PLC0415  # an extra

        made = self.fleet.api.get(SCALE_SET)
        identity = ScaleSetIdentity(
            resource_id=made["id"], name=made["name"], unique_id=made["properties"]["uniqueId"], location=LOCATION
        )
        with hypervisor(self.place.settings) as (connection, _):
            at = {one.instance_id: one.host_port for _, one in machines.of_set(connection, identity)}
        with httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as http:
            return {one: http.get(f"http://127.0.0.1:{port}/").json() for one, port in at.items()}


def _all_say(answers: dict[str, dict[str, Any]], version: str, data_boots: int, sentence: str) -> Check:
    held = [(answer["version"], answer["os_boots"], answer["data_boots"]) for answer in answers.values()]
    return Check(sentence, held == [(version, 1, data_boots)] * CAPACITY)


def _rolled_back(what: str, view: UpgradeView) -> list[Check]:
    return [
        Check(f"{what} was stopped after its first batch", view.status is UpgradeStatus.FAULTED),
        Check(
            f"{what}: both machines of that batch have their old disk back",
            len(rolled_back(view)) == 2,  # noqa: PLR2004  # 40 % of 5 (B1)
        ),
    ]


def _boots(instance_id: str, *bad: UpgradeView) -> int:
    """On v1, on v2, and for each version that it was rolled back from: on that one and on v2 again."""
    return 2 + 2 * sum(instance_id in rolled_back(view) for view in bad)
