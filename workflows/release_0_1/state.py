"""What a set's workflow of release 0.1 knew, and what a set of today makes of it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from instar.domain.delays import Delays
from instar.domain.lifecycle import requests
from instar.domain.lifecycle import state as today
from instar.domain.lifecycle.state import EndedUpgrade, RunningUpgrade
from instar.domain.lifecycle.status import status_of
from instar.domain.message import Message
from instar.domain.messages.instance_actions import InstanceAction
from instar.domain.messages.scale_set import DeleteScaleSet, EndOperation
from instar.domain.records.quarantine import Quarantine
from instar.domain.records.triggers import HeldBack, Settled
from instar.domain.sets.policies import UpgradeMode
from instar.domain.sets.scale_sets import ScaleSetIdentity

EVER = datetime(1970, 1, 1, tzinfo=UTC)


class ScaleSetState(Message):
    """All that a scale set's workflow knows; what is not here is lost at continue-as-new."""

    scale_set: ScaleSetIdentity
    delays: Delays = Delays()
    last_number: int = 0
    running: RunningUpgrade | None = None
    automatic: bool = False
    first_trigger_at: datetime | None = None
    """The deadline of T1: set once, survives disabling and enabling again."""
    first_trigger_done: bool = False
    last_look: str = ""
    """What the last look at the catalogue came to, as a sentence (P17)."""
    last_look_at: datetime | None = None
    next_look_at: datetime | None = None
    """When to look next after the first trigger (T2); None while it is not drawn."""
    settled: Settled | None = None
    held: HeldBack | None = None
    quarantine: Quarantine = Quarantine()
    collect: tuple[EndedUpgrade, ...] = ()
    pending_generation: int = 0
    """The newest model generation that was announced; 0 before the first."""
    applied_generation: int = 0
    look_after_at: datetime | None = None
    """When to look next whether `running` was closed without a word (F1)."""
    cancel_operations: tuple[str, ...] = ()
    """Operations of cancels that end once the running upgrade has (P14)."""
    open_operations: tuple[str, ...] = ()
    """Operations of PUTs that end once `pending_generation` is applied."""
    mode: UpgradeMode | None = None
    """How model changes reach instances; None while no model was announced that says so."""
    machine_generation: int = 0
    """The machine part of `pending_generation`."""
    brought_generation: int = 0
    """The machine part that instances were last brought to, or are being brought to."""
    waiting_operations: tuple[str, ...] = ()
    """Operations of PUTs that end once instances are brought to the model; begun as soon as nothing else runs (P1)."""
    actions: tuple[InstanceAction, ...] = ()
    """What was asked of instances and is not done yet, in the order of the asking; the first is being done."""
    acted: tuple[str, ...] = ()
    """Operation ids of the newest actions, so that one request is done once across runs."""
    deleting: str = ""
    """Operation id of the DELETE that ends this set; empty while nobody asked."""
    answered: tuple[tuple[str, str], ...] = ()
    """(request id, upgrade workflow id) of the newest starts, so that one request starts one upgrade across runs."""


def moved_on(
    state: ScaleSetState, now: datetime, to_end: Sequence[EndOperation] = (), action_begun: int = 0
) -> today.ScaleSetState:
    """The same set as its workflow of today knows it. `action_begun` is the number of the action that was under way.

    Everything that was asked and is not done is done there; what was written for readers is written anew.
    """
    model = today.Model(
        generation=state.pending_generation,
        machine_generation=state.machine_generation,
        mode=state.mode,
        applied_generation=state.applied_generation,
        brought_generation=state.brought_generation,
        open=tuple(
            today.OpenPut(operation_id=one, generation=state.pending_generation) for one in state.open_operations
        ),
        waiting=state.waiting_operations,
    )
    automatic = today.Automatic(
        enabled=state.automatic,
        first_trigger_at=state.first_trigger_at,
        first_trigger_done=state.first_trigger_done,
        last_look=state.last_look,
        last_look_at=state.last_look_at,
        next_look_at=state.next_look_at,
        settled=state.settled,
        held=state.held,
        quarantine=state.quarantine,
    )
    moved = today.ScaleSetState(
        scale_set=state.scale_set,
        delays=state.delays,
        last_number=state.last_number,
        lock=_lock(state),
        model=model,
        actions=tuple(_asked(state, action_begun)),
        automatic=automatic,
        collect=state.collect,
        ends=tuple(to_end),
        answered=tuple(_answered(state)),
    )
    moved = moved.model_copy(update={"recorded": status_of(moved)})
    # A deletion cuts everything else short there: asked for once more, it does so here.
    return requests.delete(moved, DeleteScaleSet(operation_id=state.deleting), now) if state.deleting else moved


def _lock(state: ScaleSetState) -> today.Free | today.Rolling:
    if state.running is None or state.look_after_at is None:
        return today.Free()
    cancel = None
    if state.cancel_operations:
        cancel = today.Cancel(reason="cancelled by a user", operations=state.cancel_operations)
    return today.Rolling(upgrade=state.running, look_after_at=state.look_after_at, cancel=cancel)


def _asked(state: ScaleSetState, action_begun: int) -> Iterator[today.Asked]:
    for position, action in enumerate(state.actions):
        begun = None
        if position == 0 and action_begun and state.look_after_at is None:
            begun = today.Begun(at=EVER, number=action_begun)
        yield today.Asked(action=action, begun=begun)


def _answered(state: ScaleSetState) -> Iterator[today.Answered]:
    for request_id in state.acted:
        yield today.Answered(request_id=request_id)
    for request_id, workflow_id in state.answered:
        yield today.Answered(request_id=request_id, number=int(workflow_id.rpartition("/")[2]))
