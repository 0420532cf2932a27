"""One scale set, for ever: a state machine that does one step after the other (docs/rules.md F10, P15, T1, F1).

What the set does next is decided by `instar.domain.lifecycle.next_step`, what becomes of it by its neighbours there;
here the steps are carried out. Messages are answered from the set's own state, at once. What they change may make
something else more urgent than the step under way, which is then cut short: a deletion or a newer model waits for no
machine.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, is_cancelled_exception

from instar.domain.lifecycle import requests, results, upgrades
from instar.domain.lifecycle.next_step import next_step, patient_until
from instar.domain.lifecycle.state import ScaleSetState
from instar.domain.lifecycle.status import status_of
from instar.domain.lifecycle.steps import Act, Leave, Step, Wait
from instar.domain.messages.instance_actions import InstanceAction
from instar.domain.messages.reconciliation import Reconcile
from instar.domain.messages.scale_set import (
    ApplyModel,
    CancelUpgrade,
    DeleteScaleSet,
    LiftQuarantine,
    NudgeLook,
    StartUpgrade,
    UpgradeEnded,
    UpgradeStarted,
)
from instar.domain.sets.names import WorkflowType, os_upgrade_workflow_id
from workflows.preemption import Cut, CutShort
from workflows.sets.looks import relies_on_others
from workflows.sets.memory import Memory
from workflows.sets.set_steps import perform
from workflows.visibility import scale_set_details

EVENTS_AT_MOST = 1000
"""Half a year of an idle set. The server suggests no end before 4,096, and a worker that takes many sets over after a
restart reads the history of each."""

EVENTS_IN_ANY_CASE = 10_000
"""Then a set is not waited for to come to rest: the server ends histories of five times that length."""

TOLD_WITHIN = timedelta(seconds=5)
"""How long whoever lifted a quarantine waits until readers are told of it."""


@workflow.defn(name=WorkflowType.SCALE_SET)
class ScaleSetWorkflow:
    """Holds the lock of one scale set, starts its upgrades, and does what is asked of its machines."""

    @workflow.init
    def __init__(self, state: ScaleSetState) -> None:
        self._memory = Memory(state)

    @workflow.run
    async def run(self, _state: ScaleSetState) -> None:
        """Live until the set is deleted. A cancel in Temporal ends nothing: a set ends by being deleted."""
        life = asyncio.create_task(self._live())
        while not life.done():
            try:
                await asyncio.shield(life)
            except BaseException as error:
                if life.done() or not is_cancelled_exception(error):
                    raise
                workflow.logger.warning(
                    "%s: cancelled in Temporal, goes on: delete the set", self._state.scale_set.name
                )
        life.result()

    async def _live(self) -> None:
        while True:
            if results.draws(self._state):
                self._become(results.with_next_look(self._state, workflow.now(), workflow.random().random()))
            step = next_step(self._state, workflow.now())
            workflow.set_current_details(scale_set_details(self._state, step))
            if isinstance(step, Leave):
                await workflow.wait_condition(workflow.all_handlers_finished)
                return
            if self._may_continue_as_new(step):
                workflow.continue_as_new(self._state)
            await self._do(step)

    async def _do(self, step: Step) -> None:
        """Carry a step out, to its end or until something else is more urgent."""
        self._memory.cut = Cut()
        doing = asyncio.create_task(perform(step, self._memory))
        while not await self._done_or_due(doing, step):
            continue
        if not doing.done() and (instead := self._instead_of(step)):
            self._memory.cut.now(instead.reason)
        try:
            await doing
        except CutShort as cut:
            workflow.logger.info("%s: cut short, because %s: %s", self._state.scale_set.name, cut, step.reason)

    async def _done_or_due(self, doing: asyncio.Task[None], step: Step) -> bool:
        """Whether the step has ended or is to make room; False at a moment at which that may have changed."""
        due = patient_until(self._state)
        patience = due - workflow.now() if isinstance(step, Act) and due and due > workflow.now() else None
        try:
            await workflow.wait_condition(
                lambda: (
                    doing.done()
                    or self._instead_of(step) is not None
                    or (isinstance(step, Act) and patient_until(self._state) != due)
                ),
                timeout=patience,
                timeout_summary="a changed model waits for actions on instances",
            )
        except TimeoutError:
            return False
        return doing.done() or self._instead_of(step) is not None

    # --- messages ---------------------------------------------------------------------------------------------------

    @workflow.update(description="Start an OS upgrade by hand, at once (T4); refused while one runs (P15)")
    def start_upgrade(self, request: StartUpgrade) -> UpgradeStarted:
        """Take the lock; version and generation are pinned next (P1). Raises OperationNotAllowed."""
        self._accept(lambda state: requests.start(state, request))
        answer = requests.answer_to(self._state, request.operation_id)
        number = answer.number if answer else 0
        return UpgradeStarted(number=number, workflow_id=os_upgrade_workflow_id(self._state.scale_set, number))

    @workflow.update(description="Cancel the upgrade that runs (P14)")
    def cancel_upgrade(self, request: CancelUpgrade) -> None:
        """The operation ends when the upgrade has. Raises OperationNotAllowed."""
        self._accept(lambda state: requests.cancel(state, request, workflow.now()))

    @workflow.update(description="A model was stored: apply capacity and the switch of automatic upgrades")
    def apply_model(self, request: ApplyModel) -> None:
        """Only the newest generation counts."""
        self._accept(lambda state: requests.apply_model(state, request, workflow.now()))

    @workflow.update(description="Something is asked of instances: manualupgrade, reimage, power, deletion, protection")
    def act_on_instances(self, action: InstanceAction) -> None:
        """One after the other. Raises OperationNotAllowed while an upgrade runs."""
        self._accept(lambda state: requests.act(state, action))

    @workflow.update(description="Delete the set, after a running upgrade came to its end (P15)")
    def delete_scale_set(self, request: DeleteScaleSet) -> None:
        """Whatever else was asked of the set is cut short."""
        self._accept(lambda state: requests.delete(state, request, workflow.now()))

    @workflow.update(description="The records have taken over what machines had seen and they did not know (F7)")
    def reconcile(self, request: Reconcile) -> None:
        """The set is held no more. Raises OperationNotAllowed for one in deletion."""
        self._accept(lambda state: requests.reconcile(state, request, workflow.now()))

    @workflow.update(description="Lift a version's quarantine by hand (T5)")
    async def lift_quarantine(self, request: LiftQuarantine) -> None:
        """The version, and the instances that it did not suit, are free again. Raises ResourceNotFound."""
        fraction = workflow.random().random()
        self._accept(lambda state: requests.lift(state, request, workflow.now(), fraction))
        try:
            # The caller who lifted the quarantine reads the status next, and must find it lifted.
            await workflow.wait_condition(
                lambda: status_of(self._state).quarantine == self._state.recorded.quarantine, timeout=TOLD_WITHIN
            )
        except TimeoutError:
            return

    @workflow.signal(description="A version was published that the set may be waiting for: look within minutes (T2)")
    def nudge_look(self, nudge: NudgeLook) -> None:
        """Look sooner, or at once; or ask at once whether kept disks have had their time (R1)."""
        if nudge.kept_disks:
            self._become(requests.disks_asked_about(self._state, workflow.now()))
            return
        if nudge.at_once and relies_on_others():
            self._become(requests.told_to_look(self._state, workflow.now()))
            return
        self._become(requests.nudged(self._state, workflow.now(), workflow.random().random()))

    @workflow.signal(description="An upgrade ended")
    def upgrade_ended(self, ended: UpgradeEnded) -> None:
        """Free the lock."""
        self._become(upgrades.upgrade_ended(self._state, ended, workflow.now()))

    @workflow.query(description="Operations that this set is going to end")
    def operations(self) -> list[str]:
        """What whoever looks for lost hand-overs asks (F6)."""
        return [one for one in requests.operations_in_hand(self._state) if one]

    # --- the state --------------------------------------------------------------------------------------------------

    @property
    def _state(self) -> ScaleSetState:
        return self._memory.state

    def _become(self, state: ScaleSetState) -> None:
        self._memory.state = state

    def _accept(self, request: Callable[[ScaleSetState], ScaleSetState]) -> None:
        try:
            self._become(request(self._state))
        except requests.Refused as refused:
            raise ApplicationError(str(refused), type=refused.kind, non_retryable=True) from None

    def _instead_of(self, step: Step) -> Step | None:
        """What is to be done instead of the step under way; None if it is still the most urgent."""
        other = next_step(self._state, workflow.now())
        if other == step and not (isinstance(step, Wait) and results.draws(self._state)):
            return None
        return other

    def _may_continue_as_new(self, step: Step) -> bool:
        """Whether the history is long, at a moment at which nothing is in hand.

        While an upgrade runs the server's word counts alone: the run that started it stays its parent to look at. A set
        that never comes to rest continues between two steps.
        """
        if not workflow.all_handlers_finished():
            return False
        info = workflow.info()
        length, at_rest = info.get_current_history_length(), isinstance(step, Wait)
        if info.is_continue_as_new_suggested():
            return at_rest or length >= EVENTS_IN_ANY_CASE
        return at_rest and not self._state.running and length >= EVENTS_AT_MOST
