"""A scale set without a server: steps are carried out as told, well or badly, or are cut short (docs/rules.md F10)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference
from instar.domain.lifecycle import actions, requests, results, upgrades
from instar.domain.lifecycle.next_step import next_step
from instar.domain.lifecycle.state import RunningUpgrade, ScaleSetState
from instar.domain.lifecycle.status import status_of
from instar.domain.lifecycle.steps import (
    Act,
    ApplyCapacity,
    Begin,
    Bring,
    Collect,
    Delete,
    EndOperations,
    Leave,
    Look,
    LookAfter,
    Record,
    Step,
    TellUpgrade,
    Wait,
)
from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.instance_actions import Chosen, InstanceAction, ModelChange
from instar.domain.messages.scale_set import (
    ApplyModel,
    CancelUpgrade,
    Collected,
    DeleteScaleSet,
    Resolution,
    StartUpgrade,
    UpgradeEnded,
)
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy, UpgradeMode
from instar.domain.sets.scale_sets import ScaleSetIdentity

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
WEB = ScaleSetIdentity(resource_id="/web", name="web", unique_id="u", location="here")
IMAGE = ImageReference(publisher="p", offer="o", sku="s", version="2.0.0")
PLAN = UpgradePlan(
    target=IMAGE,
    generation=1,
    policy=RollingUpgradePolicy(),
    auto_rollback=True,
    manual_mode=False,
    health_source=HealthSource(),
)


def fresh() -> ScaleSetState:
    return ScaleSetState(scale_set=WEB)


@dataclass
class Driver:
    """One set. `accepted` are the operations of requests that were accepted, `ended` how often each has ended."""

    state: ScaleSetState = field(default_factory=fresh)
    now: datetime = NOON
    accepted: list[str] = field(default_factory=list)
    ended: dict[str, int] = field(default_factory=dict)
    done: list[Step] = field(default_factory=list)
    count: int = 0
    gone: bool = False

    # --- what people ask ---------------------------------------------------------------------------------------------

    def ask(self, request: Callable[[str], ScaleSetState]) -> str:
        """Make a request; its operation, or "" where it was refused."""
        self.count += 1
        operation = f"op-{self.count}"
        try:
            self.state = request(operation)
        except requests.Refused:
            return ""
        self.accepted.append(operation)
        return operation

    def start(self) -> str:
        return self.ask(lambda one: requests.start(self.state, StartUpgrade(operation_id=one)))

    def cancel(self, number: int = 0) -> str:
        """Of the upgrade of that number, or of whichever runs."""
        request = CancelUpgrade(operation_id="", number=number)
        return self.ask(
            lambda one: requests.cancel(self.state, request.model_copy(update={"operation_id": one}), self.now)
        )

    def revert(self) -> str:
        """Cancel, and go back (C5)."""
        return self.ask(lambda one: requests.cancel(self.state, CancelUpgrade(operation_id=one, revert=True), self.now))

    def delete(self) -> str:
        return self.ask(lambda one: requests.delete(self.state, DeleteScaleSet(operation_id=one), self.now))

    def put(self, mode: UpgradeMode = UpgradeMode.MANUAL, *, automatic: bool = False) -> str:
        generation = self.state.model.generation + 1

        def request(operation: str) -> ScaleSetState:
            message = ApplyModel(
                generation=generation,
                operation_id=operation,
                automatic=automatic,
                mode=mode,
                machine_generation=generation,
            )
            return requests.apply_model(self.state, message, self.now)

        return self.ask(request)

    def act(self, kind: ActionKind = ActionKind.RESTART) -> str:
        return self.ask(
            lambda one: requests.act(self.state, InstanceAction(operation_id=one, kind=kind, everyone=True))
        )

    # --- what the workflow does --------------------------------------------------------------------------------------

    @property
    def step(self) -> Step:
        return next_step(self.state, self.now)

    def end_upgrade(self, status: UpgradeStatus = UpgradeStatus.COMPLETED) -> None:
        """The upgrade that runs says its last word; it ends its own operations."""
        if (running := self.state.running) is None:
            return
        for one in filter(None, (running.operation_id, *running.more_operations)):
            self._end(one)
        ended = UpgradeEnded(number=running.number, ended_at=self.now, status=status)
        self.state = upgrades.upgrade_ended(self.state, ended, self.now)

    def carry_out(self, *, well: bool = True) -> Step:  # noqa: C901, PLR0912  # a line for each step
        """The next step to its end; where not `well`, it comes to an error, or finds nothing to do."""
        step = self.step
        self.done.append(step)
        if self.state.automatic.enabled:
            self.state = results.with_next_look(self.state, self.now, 0.5)
        error = "" if well else "it went wrong"
        match step:
            case EndOperations():
                for one in self.state.ends:
                    self._end(one.operation_id)
                self.state = results.ends_written(self.state, [one.operation_id for one in self.state.ends])
            case Record():
                self.state = results.recorded(self.state, status_of(self.state))
            case TellUpgrade(number=number):
                self.state = upgrades.upgrade_told(self.state, number)
            case LookAfter():
                self.state = upgrades.look_after_at(self.state, self.now + self.state.delays.look_after_upgrade)
                if not well and self.state.running:
                    # It was terminated: the set ends its operations.
                    self.state = upgrades.upgrade_closed(self.state, self.state.running, "TERMINATED", self.now)
            case Delete():
                self.state = results.deleted(self.state, self.now)
            case ApplyCapacity(generation=generation):
                self.state = results.capacity_applied(self.state, generation, error, (), self.now)
            case Act(operation_id=operation):
                self._act(operation, error)
            case Begin(number=number):
                self._begin(number, well=well)
            case Bring():
                self._bring(well=well)
            case Look():
                self._look(well=well)
            case Collect(numbers=numbers):
                answer = Collected(numbers=numbers, keep=self.state.delays.keep_previous_disks)
                self.state = results.collected(self.state, answer)
            case Wait(until=until):
                self.now = until or self.now + timedelta(hours=1)
            case Leave():
                self.gone = True
        return step

    def settle(self) -> None:
        """Until nothing is to be done but to wait; a running upgrade comes to its end."""
        for _ in range(200):
            if self.gone or (isinstance(self.step, Wait) and self.state.running is None):
                return
            if isinstance(self.step, Wait):
                self.end_upgrade()
                continue
            self.carry_out()
        raise AssertionError(f"it never settles: {self.done[-5:]}")

    def _act(self, operation: str, error: str) -> None:
        if why := actions.gives_way(self.state, operation):
            self.state = actions.acted(self.state, operation, why, self.now)
            return
        self.state = actions.begun(self.state, operation, self.now)
        self.state = actions.chosen(self.state, operation, Chosen(ids=InstanceIds(ranges="0-2")))
        self.state = actions.acted(self.state, operation, error, self.now)

    def _begin(self, number: int, *, well: bool) -> None:
        asked = self.state.start_asked
        assert asked is not None
        if not well:
            self.state = upgrades.start_refused(self.state, number, "nothing is published", self.now)
            return
        self._run(number, StartedBy.USER, *asked.operations)

    def _bring(self, *, well: bool) -> None:
        operations = self.state.model.waiting
        generation = self.state.model.machine_generation
        rolling = self.state.model.mode is UpgradeMode.ROLLING
        change = ModelChange(plan=PLAN, generation=generation, rolling=rolling) if well else ModelChange(reason="no")
        self.state = results.brought(self.state, change, operations, self.now)
        if well and rolling:
            self._run(self.state.last_number + 1, StartedBy.USER, *operations)

    def _look(self, *, well: bool) -> None:
        look = results.Looking(self.now, self.state.automatic.next_look_at, 0.5)
        plan = PLAN if well and not self.state.automatic.quarantine.of(IMAGE.version) else None
        self.state = results.looked(self.state, Resolution(plan=plan, reason="newest"), look, self.now)
        if plan:
            self._run(self.state.last_number + 1, StartedBy.PLATFORM, "")

    def _run(self, number: int, by: StartedBy, operation: str, *more: str) -> None:
        running = RunningUpgrade(
            number=number,
            workflow_id=f"os-upgrade/{number}",
            operation_id=operation,
            started_by=by,
            target=IMAGE,
            more_operations=more,
        )
        self.state = upgrades.upgrade_begun(self.state, running, self.now)

    def _end(self, operation: str) -> None:
        self.ended[operation] = self.ended.get(operation, 0) + 1
