"""How far a running upgrade is, and when it would end if all went well (docs/rules.md C6).

From what is written down of it: its decisions tell the pace, its instances where each stands. What is still to come is
simulated by the very decisions that it will take (`simulation`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from instar.domain.decisions.before_batch import known_before
from instar.domain.decisions.pace import Pace, PaceBy, pace_of, spans_of
from instar.domain.decisions.simulation import Simulation, Situation, simulate
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthState, InstanceView, Look, Standing
from instar.domain.moments import minute
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import Decision
from instar.domain.spans import in_words
from instar.domain.steering.bakes import bake_after
from instar.domain.steering.next_step import Park, next_step
from instar.domain.steering.wishes import Wishes

PARKED = ("parked", "approval")
"""Decisions of an upgrade that waits before its next batch."""

PREFIX = "parked: "


@dataclass(frozen=True, slots=True)
class Written:
    """What is written down of an upgrade that runs."""

    started_at: datetime
    decisions: Sequence[Decision]
    outcomes: Mapping[str, Outcome]
    batches: Mapping[str, int]
    """In which batch each instance was, 0 in none."""
    ends_soon: bool = False
    """It was cancelled, or rolls back after a breach: no batch begins any more."""


@dataclass(frozen=True, slots=True)
class Parked:
    """What it waits for before its next batch."""

    reason: str
    since: datetime
    what: str = ""
    """As `ParkedFor`; "" where only the upgrade itself knows."""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """Batches are counted; what cannot be told is None."""

    done: int
    works: bool
    """Whether a batch is being worked on, which is neither done nor to come."""
    elapsed: timedelta
    pace: Pace
    to_come: int | None = None
    remaining: timedelta | None = None
    """Of a parked upgrade: once it goes on."""
    ends: datetime | None = None
    parked: Parked | None = None
    stop: str = ""
    """Why it would end before its last batch, as things are."""

    @property
    def sentence(self) -> str:
        """The sentence for every reader (P17)."""
        all_of_them = "" if self.to_come is None else f" of {self.done + self.works + self.to_come}"
        told = f"{self.done}{all_of_them} batches done in {in_words(_minutes(self.elapsed))}"
        more = "" if self.remaining is None else f"about {in_words(_minutes(self.remaining))} more"
        if self.parked:
            since = minute(self.parked.since)
            return f"{told}; waits since {since}" + (f", then {more}" if more else "")
        if self.stop:
            return f"{told}; {self.stop}"
        ends = f", until {minute(self.ends)}" if self.ends else ""
        by = {PaceBy.THIS_UPGRADE: "by its pace so far", PaceBy.LAST_UPGRADES: "by the pace of the last upgrade"}
        return f"{told}; {more}{ends} {by.get(self.pace.by, 'by the health wait')}" if more else told


def forecast(
    written: Written,
    plan: UpgradePlan,
    look: Look | None,
    wishes: Wishes,
    *,
    before: Sequence[timedelta],
    health_wait: timedelta,
    name: str,
    now: datetime,
    at_most: int | None = None,
) -> Forecast:
    """Of an upgrade that has not ended. `look`: None where nobody can look at its machines just now.

    `before` is how long batches of the last upgrade took, for one that has none yet; `at_most` as in a `Situation`.
    """
    pace = pace_of(spans_of(written.decisions), before, health_wait)
    progress = progress_of(written, plan, look)
    begun = max(written.batches.values(), default=0)
    open_batch = _open_batch(written.decisions)
    told = Forecast(
        done=begun - bool(open_batch),
        works=bool(open_batch),
        elapsed=max(now - written.started_at, timedelta(0)),
        pace=pace,
    )
    if written.ends_soon:
        return replace(told, to_come=0)
    parked = None if open_batch else _parked(written, plan, progress, begun, wishes, pace, health_wait, now)
    told = replace(told, parked=parked)
    if look is None:
        return told
    # Whoever is worked on is healthy by the end of it, as far as anybody can tell.
    working = progress.of(Outcome.IN_PROGRESS)
    at = _next_at(written, plan, progress, begun, pace, now)
    at = max(at, parked.until) if parked and parked.until else at
    situation = Situation(
        now=at,
        pace=pace,
        health_wait=health_wait,
        name=name,
        progress=progress if written.outcomes else None,
        begun=begun,
        passed=tuple(one.gate for one in wishes.approvals if one.approved),
        at_most=at_most,
    )
    rest = simulate(_healed(look, working), plan, situation)
    ends = _end(rest, at)
    knows_when = parked is None or parked.until is not None
    return replace(
        told,
        to_come=len(rest.batches) + rest.more,
        remaining=ends - (at if parked else now),
        ends=ends if knows_when else None,
        stop=rest.stop,
    )


def progress_of(written: Written, plan: UpgradePlan, look: Look | None) -> Progress:
    """The progress of an upgrade, from what is written down of its instances.

    Phases were read at its start and are not written down: they are taken as they are now (B5).
    """
    groups: dict[Outcome, list[str]] = {}
    for instance_id, outcome in written.outcomes.items():
        groups.setdefault(outcome, []).append(instance_id)
    phases: dict[int, list[str]] = {}
    for view in look.views if look else ():
        if view.standing is Standing.HEALTHY and view.health.phase is not None:
            phases.setdefault(view.health.phase, []).append(view.instance_id)
    return Progress(
        outcomes={outcome: InstanceIds.of(ids) for outcome, ids in groups.items()},
        phases={phase: InstanceIds.of(phases[phase]) for phase in sorted(phases)},
        canary_batches=_canary_batches(written, plan),
    )


def _canary_batches(written: Written, plan: UpgradePlan) -> int:
    """How many of the first batches were of canaries alone that the policy names."""
    named = plan.rollout.canary.instances if plan.rollout and plan.rollout.canary else ()
    others = [batch for one, batch in written.batches.items() if batch and one not in named]
    of_canaries = [batch for one, batch in written.batches.items() if batch and one in named]
    first_other = min(others, default=max(of_canaries, default=0) + 1)
    return max((batch for batch in of_canaries if batch < first_other), default=0)


def _open_batch(decisions: Sequence[Decision]) -> Decision | None:
    """The batch that has come to no verdict yet."""
    newest = max(
        (one for one in decisions if one.action in ("batch", "verdict")), key=lambda one: one.sequence, default=None
    )
    return newest if newest is not None and newest.action == "batch" else None


def _parked(  # noqa: PLR0917  # what is known
    written: Written,
    plan: UpgradePlan,
    progress: Progress,
    begun: int,
    wishes: Wishes,
    pace: Pace,
    health_wait: timedelta,
    now: datetime,
) -> Parked | None:
    newest = max(written.decisions, key=lambda one: one.sequence, default=None)
    if newest is None or newest.action not in PARKED:
        return None
    reason = newest.reason.removeprefix(PREFIX)
    batch_takes = pace.longest if pace.by is PaceBy.THIS_UPGRADE else health_wait
    step = next_step(known_before(plan, progress, begun, wishes, now, batch_takes))
    if isinstance(step, Park) and step.reason == reason:
        return Parked(reason=reason, since=newest.at, what=step.what.value, until=step.until)
    return Parked(reason=reason, since=newest.at)


def _next_at(  # noqa: PLR0917  # what is known
    written: Written, plan: UpgradePlan, progress: Progress, begun: int, pace: Pace, now: datetime
) -> datetime:
    """When the next batch may begin, as far as those before it are concerned."""
    if not begun:
        return now
    left = progress.of(Outcome.PENDING)
    bake = bake_after(plan.rollout, batch=begun, canary_batches=progress.canary_batches, is_last=not left)
    pause = plan.policy.pause_time_between_batches if left else timedelta(0)
    working = _open_batch(written.decisions)
    if working:
        return max(working.at + pace.batch, now) + bake + pause
    # The first verdict after it: a bake in which somebody got sick ends with another one.
    after = [one for one in written.decisions if one.batch == begun and one.action == "verdict"]
    verdict = min(after, key=lambda one: one.sequence).at if after else now
    return max(verdict + bake + pause, now)


def _end(rest: Simulation, at: datetime) -> datetime:
    if rest.ends is None:
        return at
    last = rest.batches[-1]
    return rest.ends + rest.more * (last.takes + last.bake)


def _healed(look: Look, ids: InstanceIds) -> Look:
    working = dict.fromkeys(ids)
    views = tuple(_well(view) if view.instance_id in working else view for view in look.views)
    return Look(views=views, taken_at=look.taken_at)


def _well(view: InstanceView) -> InstanceView:
    return replace(view, health=replace(view.health, state=HealthState.HEALTHY))


def _minutes(length: timedelta) -> timedelta:
    """Rounded, for a sentence: to seconds below two minutes, to minutes above."""
    unit = 1 if length < timedelta(minutes=2) else 60
    return timedelta(seconds=round(length.total_seconds() / unit) * unit)
