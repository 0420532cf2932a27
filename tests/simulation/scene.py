"""Several scale sets in the played Temporal, and what people do to them, each thing written down as it is done."""

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from activities.batches import BatchActivities
from activities.capacity import CapacityActivities
from activities.disks import DiskActivities
from activities.health import HealthActivities
from activities.images import ImageActivities
from activities.instance_actions import InstanceActionActivities
from activities.keeping.keepers import KeeperActivities
from activities.kept.collecting import KeptDiskActivities
from activities.model_changes import ModelChangeActivities
from activities.records.records_age import RecordsAgeActivities
from activities.records.upgrades import RecordActivities
from api.services.first_state import first_state
from instar.compute.simulated.file.scripts import FleetDefaults, InstanceScript, VersionScript
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from instar.domain.delays import Delays
from instar.domain.messages.keepers import Keeps
from instar.domain.messages.scale_set import ApplyModel, CancelUpgrade, DeleteScaleSet, NudgeLook, StartUpgrade
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.domain.records.upgrades import UpgradeRecord
from instar.domain.sets.names import (
    KEEPER_WORKFLOW,
    RINGS,
    WorkflowType,
    keeper_workflow_id,
    os_upgrade_workflow_id,
    scale_set_workflow_id,
)
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from instar.domain.steering.rings import plans
from instar.domain.steering.rollout_policy import parsed
from instar.domain.steering.start_wishes import StartWishes
from instar.domain.steering.wishes import Approval, Gate, Hold, Pause
from instar.store.database.sealing import Sealer
from instar.store.steering.named import wished
from instar.store.store import Store
from tests.simulation.engine import Engine
from tests.simulation.logbook import Logbook
from tests.support.models import GROUP, IMAGE, LOCATION, arm
from tests.support.seen import Seen
from workflows.keepers.keeper import KeeperWorkflow
from workflows.sets.scale_set import ScaleSetWorkflow
from workflows.upgrades.os_upgrade import OsUpgradeWorkflow

SUBSCRIPTION = GROUP.split("/")[2]

RARELY = Delays(
    first_trigger=timedelta(0),
    health_poll_first=timedelta(seconds=20),
    health_poll_most=timedelta(minutes=4),
    look_after_upgrade=timedelta(hours=12),
    look_least=timedelta(hours=11),
    look_most=timedelta(hours=13),
)
"""Delays that cost little over months."""


@dataclass
class Site(Seen):
    """One set, read where it is written down."""

    scene: "Scene"

    def latest(self) -> UpgradeRecord | None:
        return self.store.upgrades.latest(self.scale_set.unique_id)

    def running(self) -> UpgradeRecord | None:
        newest = self.latest()
        return newest if newest and not newest.status.ended else None

    def waits_for(self) -> str:
        """What its upgrade waits for, as readers are told; "" for nothing."""
        newest = self.latest()
        wait = self.store.waits.of_upgrade(self.scale_set.unique_id, newest.number) if newest else None
        return wait.reason if wait else ""

    def version_of(self) -> dict[str, str]:
        found: dict[str, str] = self.scene.awaited(self.versions())
        return found

    @property
    def name(self) -> str:
        return self.scale_set.name


@dataclass(eq=False)
class Scene:
    """What a test sets up and does. `tells`: whether the word of a wish arrives; a lost one only delays (C1)."""

    engine: Engine
    store: Store
    fleet: SimulatedFleet
    delays: Delays
    logbook: Logbook = field(default_factory=Logbook)
    sites: dict[str, Site] = field(default_factory=dict)
    tells: Callable[[], bool] = lambda: True

    @property
    def now(self) -> datetime:
        return self.engine.now

    def awaited(self, coroutine: Any) -> Any:
        """What comes of something that the fleet is asked."""
        return self.engine.activities.run(coroutine)

    # --- the scene ---------------------------------------------------------------------------------------------------

    def publish(self, version: str, script: VersionScript | None = None) -> None:
        """A version comes out, and sets are told."""
        self.store.images.publish(IMAGE.publisher, IMAGE.offer, IMAGE.sku, version, LOCATION, {}, self.now)
        self.fleet.script_version(IMAGE.at(version), script or VersionScript())
        for site in self.sites.values():
            self.nudge(site)

    def has_set(self, name: str, size: int, *, automatic: bool = True, **model: Any) -> Site:
        """A set whose machines are made, of the newest version, once time passes."""
        resource_id = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
        scale_set = ScaleSetIdentity(resource_id=resource_id, name=name, unique_id=str(uuid.uuid4()), location=LOCATION)
        switch = {"enableAutomaticOSUpgrade": automatic, "useRollingUpgradePolicy": True}
        document = arm(size, automatic=switch, **model)
        self.store.scale_sets.create(scale_set, SUBSCRIPTION, "test", document, self.now)
        site = self.sites[name] = Site(fleet=self.fleet, store=self.store, scene=self)
        site.scale_set = scale_set
        stored = self.store.scale_sets.by_unique_id(scale_set.unique_id)
        assert stored is not None
        operation = self.operation(site, OperationKind.PUT)
        asked = ApplyModel(
            generation=stored.generation,
            operation_id=operation,
            automatic=automatic,
            mode=ScaleSetModel.from_arm(stored.document, stored.generation).upgrade_policy.mode,
            machine_generation=stored.machine_generation,
        )
        self.engine.start(
            scale_set_workflow_id(scale_set), WorkflowType.SCALE_SET, first_state(self.store, scale_set, self.delays)
        )
        self.ask(site, "apply_model", operation, asked)
        return site

    def policy(self, site: Site | None, **document: Any) -> None:
        """Ann stores a rollout policy, of a set or of all."""
        policy = parsed(document, self.now)
        unique_id = site.scale_set.unique_id if site else ""
        self.store.rollout_policies.put(unique_id, policy, "ann", self.now, "", lambda _: None)
        self.logbook.stored(unique_id, document, self.now)

    def rings(self, name: str, *rings: tuple[Sequence[Site], str]) -> None:
        """Bob puts sets into rings, each with its bake, and their keeper begins."""
        document = {
            "rings": [{"sets": [one.scale_set.resource_id for one in sites], "bake": bake} for sites, bake in rings]
        }
        plan = plans.parsed(name, document)
        wish = wished(name, plan.document, self.now, "bob", "canaries first")
        self.store.rings.documents.put(wish, lambda _: None)
        keeper = keeper_workflow_id(RINGS, name)
        self.engine.start(keeper, KEEPER_WORKFLOW, Keeps(what=RINGS, name=name))
        self.logbook.ringed(
            name, [([one.scale_set.unique_id for one in sites], bake) for sites, bake in rings], self.now
        )

    def operation(self, site: Site, kind: OperationKind) -> str:
        row = Operation(
            id=str(uuid.uuid4()),
            kind=kind,
            scale_set_unique_id=site.scale_set.unique_id,
            subscription_id=SUBSCRIPTION,
            location=LOCATION,
            status=OperationStatus.IN_PROGRESS,
            started_at=self.now,
        )
        self.store.operations.create(row)
        return row.id

    # --- what people do ----------------------------------------------------------------------------------------------

    def start(self, site: Site, wishes: StartWishes | None = None) -> str:
        """A start by hand, perhaps with wishes (C4, R2); returns the operation's id."""
        operation = self.operation(site, OperationKind.OS_UPGRADE)
        self.ask(site, "start_upgrade", operation, StartUpgrade(operation_id=operation, wishes=wishes))
        return operation

    def cancel(self, site: Site, *, revert: bool = False) -> str:
        """By Ann, perhaps to go back (C5); returns the operation's id."""
        operation = self.operation(site, OperationKind.CANCEL)
        asked = CancelUpgrade(operation_id=operation, revert=revert, by="ann" if revert else "")
        self.ask(site, "cancel_upgrade", operation, asked)
        return operation

    def delete(self, site: Site) -> str:
        operation = self.operation(site, OperationKind.DELETE)
        self.ask(site, "delete_scale_set", operation, DeleteScaleSet(operation_id=operation))
        return operation

    def ask(self, site: Site, update: str, operation: str, asked: Any) -> str:
        """Of the set's workflow; returns why it was refused, "" where it was not."""
        return self.engine.update(scale_set_workflow_id(site.scale_set), update, operation, asked).refusal

    def pause(self, site: Site, until: datetime | None = None) -> None:
        wish = Pause(reason="its storage is being moved", by="ann", since=self.now, until=until)
        assert self.store.wishes.pause(site.scale_set.unique_id, wish)
        self.logbook.paused(site.scale_set.unique_id, self.now, until)
        self.tell(site)

    def resume(self, site: Site) -> None:
        self.store.wishes.resume(site.scale_set.unique_id)
        self.logbook.resumed(site.scale_set.unique_id, self.now)
        self.tell(site)

    def hold(self, name: str = "freeze", scope: str = "/", until: datetime | None = None) -> None:
        wish = Hold(name=name, scope=scope, reason="code freeze", by="bob", since=self.now, until=until)
        self.store.wishes.hold(wish, 1000)
        self.logbook.held(name, scope, self.now, until)
        for site in self.sites.values():
            self.tell(site)

    def release(self, name: str = "freeze") -> None:
        self.store.wishes.release(name, self.now)
        self.logbook.released(name, self.now)
        for site in self.sites.values():
            self.tell(site)

    def answer(self, site: Site, *, approved: bool) -> bool:
        """At the gate at which its upgrade waits; whether there was one."""
        running = site.running()
        if running is None:
            return False
        wishes = self.store.wishes.binding(
            site.scale_set.unique_id, site.scale_set.resource_id, self.now, running.number
        )
        if (gate := wishes.open_gate) is None:
            return False
        word = Approval(gate=Gate(gate), approved=approved, by="ann", at=self.now, reason="as seen")
        self.store.wishes.approve(site.scale_set.unique_id, running.number, word)
        self.logbook.answered(site.scale_set.unique_id, running.number, gate, self.now, approved=approved)
        self.tell(site)
        return True

    def tell(self, site: Site) -> None:
        """What the API does after a wish was written down, unless the word is lost."""
        if not self.tells():
            return
        if running := site.running():
            self.engine.signal(os_upgrade_workflow_id(site.scale_set, running.number), "look_again")
        else:
            self.nudge(site)

    def nudge(self, site: Site) -> None:
        self.engine.signal(scale_set_workflow_id(site.scale_set), "nudge_look", NudgeLook())

    def sick(self, site: Site, *ids: str, until: datetime | None = None) -> None:
        """Unhealthy from now on, on every image."""
        for one in ids:
            self.fleet.script_instance(site.scale_set, one, InstanceScript(sick_from=self.now, sick_until=until))

    # --- time --------------------------------------------------------------------------------------------------------

    def at(self, moment: datetime, do: Callable[[], None]) -> None:
        """Somebody does that then, whether workers are there or not."""
        self.engine.at(moment, do, outside=True)

    def pass_time(self, span: timedelta) -> None:
        self.engine.run(self.now + span)

    def until(self, moment: datetime) -> None:
        self.engine.run(moment)

    def until_rest(self, longest: timedelta) -> bool:
        """Until no upgrade runs; whether it came to that in time."""
        self.engine.run(self.now + longest, lambda: not any(one.running() for one in self.sites.values()))
        return not any(one.running() for one in self.sites.values())


@contextmanager
def a_scene(
    folder: Path,
    begins: datetime = datetime(2026, 12, 1, tzinfo=UTC),
    delays: Delays = RARELY,
    seed: int = 1,
    boot: timedelta = timedelta(seconds=30),
) -> Iterator[Scene]:
    """A store and a fleet of its own, and nobody but this thread at work."""
    engine = Engine(begins, (ScaleSetWorkflow, OsUpgradeWorkflow, KeeperWorkflow), Random(seed))

    def clock() -> datetime:
        return engine.now

    store = Store.open(f"sqlite:///{folder / 'store.sqlite'}", Sealer.from_file(folder / "seal.keys"))
    fleet = SimulatedFleet(folder / "fleet.sqlite", clock=clock, pace=NoPace())
    fleet.set_defaults(FleetDefaults(swap=timedelta(0), boot=boot))
    engine.activities.register(
        BatchActivities(fleet, store, clock),
        ImageActivities(fleet, store, clock),
        RecordActivities(store, clock),
        DiskActivities(fleet, store),
        HealthActivities(fleet, clock),
        CapacityActivities(fleet, store, clock),
        ModelChangeActivities(fleet, store, clock),
        RecordsAgeActivities(fleet, store),
        InstanceActionActivities(fleet, store, clock),
        KeptDiskActivities(fleet, store),
        KeeperActivities(fleet, store, clock),
    )
    with patch.object(asyncio, "to_thread", _at_once):
        try:
            yield Scene(engine, store, fleet, delays)
        finally:
            engine.close()
            fleet.close()
            store.close()


async def _at_once(function: Callable[..., Any], /, *arguments: Any, **more: Any) -> Any:
    """In place of a thread: one thing after the other."""
    return function(*arguments, **more)
