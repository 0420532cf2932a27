"""What an upgrade would do if all went well: its own decisions over a look, without doing anything (C3, C6).

Whatever is pinned in a plan can be simulated: an upgrade, a change of the model, a rollback. Each batch is chosen by
the very functions that choose it in an upgrade; its machines are then taken for healthy, the others stay as they were.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from instar.domain.decisions import batching, enrolment, verdicts
from instar.domain.decisions.before_batch import if_all_say_yes
from instar.domain.decisions.pace import Pace
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthState, InstanceView, Look, Standing
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import ErrorCode
from instar.domain.sets.policies import StartedBy
from instar.domain.steering.bakes import bake_after
from instar.domain.steering.next_step import Known, Park, gate_of, next_step
from instar.domain.steering.wishes import Gate

BATCHES_AT_MOST, BATCHES_AT_LEAST = 200, 20
VIEWS_AT_MOST = 500_000
"""Views that are gone through: a request waits for it. A sick set of 10,000 would take 10,000 batches."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a simulation begins; by default at the start of an upgrade."""

    now: datetime
    pace: Pace
    health_wait: timedelta
    started_by: StartedBy = StartedBy.USER
    name: str = ""
    """Of the set, for sentences."""
    progress: Progress | None = None
    """None: nobody was enrolled yet, and the pre-check is still to be passed (P2)."""
    begun: int = 0
    """Batches begun."""
    passed: Collection[Gate] = ()
    """Gates at which somebody has approved it."""
    at_most: int | None = None
    """To how many machines limits over many sets cut a batch (W4); None: to none. Whose turn it is, nobody knows."""


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """One batch that would be taken."""

    number: int
    ids: InstanceIds
    reason: str
    begins: datetime
    """At the earliest, by the pace and the windows; an approval that is waited for is not counted."""
    takes: timedelta
    bake: timedelta
    """How long it is watched afterwards (W2)."""
    wave: str = ""
    gate: Gate | None = None
    """Where it waits for an approval before (G3)."""
    waits: str = ""
    """Which window it waits for before, as a sentence (W3)."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """What would become of it."""

    batches: tuple[PlannedBatch, ...]
    progress: Progress
    """At the end; who is left out and why is in it."""
    left: InstanceIds = InstanceIds()  # noqa: RUF009  # frozen
    """Instances still to come when it was stopped, or when there were batches enough."""
    stop: str = ""
    """Why it would not come to its end."""
    ends: datetime | None = None
    """When the last of these batches would have ended, with its bake; None where there is none."""

    @property
    def more(self) -> int:
        """How many further batches there are, by the size of the last one."""
        if not self.left or self.stop or not self.batches:
            return 0
        return -(-len(self.left) // len(self.batches[-1].ids))


def batches_at_most(machines: int) -> int:
    """How many batches of a set of that size are thought of; what follows is as the last of them.

    >>> batches_at_most(100), batches_at_most(10_000)
    (200, 50)
    """
    return max(BATCHES_AT_LEAST, min(BATCHES_AT_MOST, VIEWS_AT_MOST // max(machines, 1)))


def simulate(look: Look, plan: UpgradePlan, situation: Situation) -> Simulation:
    """Run the upgrade's decisions from there on; pure, and in the order in which an upgrade takes them."""
    progress, begun, at = situation.progress, situation.begun, situation.now
    if progress is None:
        reason, breach = verdicts.check_whole_set(
            look, plan.policy, ErrorCode.UNHEALTHY_BEFORE, situation.name, plan.waived
        )
        if breach:
            return Simulation((), Progress(), stop=reason)
        look = _booted(look)
        progress = enrolment.enrol(look, plan, situation.started_by)
    batches: list[PlannedBatch] = []
    ends: datetime | None = None
    most = batches_at_most(len(look.views))
    while True:
        progress = verdicts.without_vanished(look, progress)
        reason, breach = verdicts.check_whole_set(
            look, plan.policy, ErrorCode.UNHEALTHY_DURING, situation.name, plan.waived
        )
        waiting = progress.of(Outcome.PENDING)
        if breach:
            return Simulation(tuple(batches), progress, waiting, reason, ends)
        progress = enrolment.enrolled_anew(look, progress, plan, situation.started_by)
        batch = batching.select_batch(look, progress, plan, begun, situation.at_most)
        if not batch.ids or len(batches) == most:
            return Simulation(tuple(batches), progress, progress.of(Outcome.PENDING), "", ends)
        longest = situation.pace.longest if begun else situation.health_wait
        known = if_all_say_yes(plan, progress, begun, at, longest)
        at, waits, stop = _opened(known)
        if stop:
            return Simulation(tuple(batches), progress, progress.of(Outcome.PENDING), stop, ends)
        gate = gate_of(known)
        look, progress = _done(look, progress.model_copy(update={"canary_batches": batch.canary_batches}), batch.ids)
        begun += 1
        left = progress.of(Outcome.PENDING)
        bake = bake_after(plan.rollout, batch=begun, canary_batches=batch.canary_batches, is_last=not left)
        batches.append(
            PlannedBatch(
                number=begun,
                ids=batch.ids,
                reason=batch.reason,
                begins=at,
                takes=situation.pace.batch,
                bake=bake,
                wave=batch.wave,
                gate=None if gate in situation.passed else gate,
                waits=waits,
            )
        )
        ends = at + situation.pace.batch + bake
        at = ends + (plan.policy.pause_time_between_batches if left else timedelta(0))


def _opened(known: Known) -> tuple[datetime, str, str]:
    """When the batch may begin, which window was waited for, and why it never may."""
    waits = ""
    while (step := next_step(known)) is not None:
        if not isinstance(step, Park) or step.until is None or step.until <= known.now:
            return known.now, waits, step.reason
        waits = waits or step.reason
        known = known.model_copy(update={"now": step.until})
    return known.now, waits, ""


def _done(look: Look, progress: Progress, ids: InstanceIds) -> tuple[Look, Progress]:
    """Everybody of the batch is healthy on the new disk, or stopped as before (P18)."""
    chosen = dict.fromkeys(ids)
    stopped = InstanceIds.of(view.instance_id for view in look.standing_in(Standing.STOPPED, ids))
    views = tuple(_healthy(view) if view.instance_id in chosen else view for view in look.views)
    progress = progress.moved(ids - stopped, Outcome.UPGRADED).moved(stopped, Outcome.STOPPED)
    return Look(views=views, taken_at=look.taken_at), progress


def _booted(look: Look) -> Look:
    """Machines that boot are waited for before the first batch (P2a)."""
    views = tuple(_healthy(view) if view.boots else view for view in look.views)
    return Look(views=views, taken_at=look.taken_at)


def _healthy(view: InstanceView) -> InstanceView:
    return replace(view, health=replace(view.health, state=HealthState.HEALTHY), boots=False)
