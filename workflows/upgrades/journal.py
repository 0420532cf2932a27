"""What an upgrade writes down: each decision once, the same sentence for every reader (docs/rules.md P17)."""

from collections.abc import Iterable
from datetime import datetime

from temporalio import workflow

from activities.records.upgrades import RecordActivities
from instar.domain.decisions.verdicts import details_of
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.one_look import UpgradeRecords
from instar.domain.records.operations import OperationStatus
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import (
    Decision,
    ErrorDetail,
    InstanceRecord,
    UpgradeError,
    UpgradeRecord,
    UpgradeStart,
    UpgradeStatus,
)
from workflows import options
from workflows.operations import end_operation
from workflows.upgrades.memory import UpgradeMemory
from workflows.visibility import PARKED, phase_of, show_phase, upgrade_details

PARKED_IS_A_PHASE = "parked-is-a-phase"
"""Lists show that an upgrade is parked: not in runs that were parked, or went on, before they did."""

REASONS_KEPT = 200
"""Sentences about single instances that are remembered for the error's details."""


class Journal:
    """Writes to the records, the log and the Temporal UI; remembers what was written, so that each write is small."""

    def __init__(self, memory: UpgradeMemory) -> None:
        self._memory = memory
        state = memory.started
        self.sequence = state.sequence
        self._written = state.progress or Progress()
        self._name = state.scale_set.name
        self._shown = PARKED if state.parked else UpgradeStatus.ROLLING_FORWARD.value
        self._reasons: dict[str, str] = {}
        self._unwritten: dict[str, str] = {}
        self._noted: list[UpgradeRecord] = []
        self._operations = tuple(filter(None, (state.operation_id, *state.more_operations)))

    def explain(self, reasons: dict[str, str]) -> None:
        """Remember why single instances failed, for the next write."""
        self._unwritten |= reasons
        self._reasons = dict(list((self._reasons | reasons).items())[-REASONS_KEPT:])

    def details(self, ids: Iterable[str]) -> tuple[ErrorDetail, ...]:
        """Error details of these instances (P2)."""
        return details_of(ids, lambda one: self._reasons.get(one, "not confirmed healthy"), self._name)

    def notes(self, action: str, reason: str) -> None:
        """A decision that is written down together with the next: nothing is done or waited for between the two."""
        self._noted.append(self.record(workflow.now(), action, reason, UpgradeStatus.ROLLING_FORWARD))

    @property
    def owes(self) -> bool:
        """Whether something was noted that nobody can read yet."""
        return bool(self._noted)

    async def decided(
        self,
        action: str,
        reason: str,
        status: UpgradeStatus = UpgradeStatus.ROLLING_FORWARD,
        error: UpgradeError | None = None,
        *,
        parked_for: str = "",
    ) -> None:
        """Write a decision down, and what was noted, before it is acted on.

        `parked_for`: what is waited for, where it is to wait.
        """
        record = self.record(workflow.now(), action, reason, status, error, parked_for)
        reason = record.decisions[-1].reason
        workflow.set_current_details(upgrade_details(self._memory.state(self.sequence), status, reason))
        self._show(status, action)
        noted, self._noted = self._noted, []
        if not noted:
            await workflow.execute_activity_method(
                RecordActivities.record_upgrade, record, summary=reason[:200], **options.RECORD
            )
            return
        await workflow.execute_activity_method(
            RecordActivities.record_upgrades,
            UpgradeRecords(records=(*noted, record)),
            summary="; ".join(one.decisions[-1].reason for one in (*noted, record))[:200],
            **options.RECORD,
        )

    def record(  # noqa: PLR0917  # what a decision is
        self,
        now: datetime,
        action: str,
        reason: str,
        status: UpgradeStatus,
        error: UpgradeError | None = None,
        parked_for: str = "",
    ) -> UpgradeRecord:
        """The upgrade as it stands after one more decision, with what has changed since the one before.

        The first one says who wished what, too (C4).
        """
        state = self._memory.state(self.sequence)
        plan, is_first = state.plan, not self.sequence
        if is_first and plan.wishes:
            reason = f"{plan.wishes.sentence(plan.target.version)}; {reason}"
        self.sequence += 1
        progress = state.progress or Progress()
        decision = Decision(sequence=self.sequence, at=now, batch=state.batch, action=action, reason=reason)
        record = UpgradeRecord(
            scale_set=state.scale_set,
            number=state.number,
            kind=state.plan.kind,
            operation_id=state.operation_id,
            started_by=state.started_by,
            target=state.plan.target,
            generation=state.plan.generation,
            policy=state.plan.policy,
            status=status,
            started_at=state.started_at,
            ended_at=now if status.ended else None,
            last_action="Cancel" if state.cancel_reason else "Start",
            last_action_at=now if state.cancel_reason else state.started_at,
            counts=progress.counts(),
            rollback_error=self._rollback_error(progress),
            error=error,
            decisions=(decision,),
            key=state.key,
            parked_for=parked_for,
            way_back=state.plan.way_back,
            instances=self._changed(progress, state.batch),
            start=UpgradeStart(wishes=plan.wishes, rollout=plan.rollout) if is_first and _is_said(plan) else None,
        )
        self._written = progress
        self._unwritten = {}
        return record

    def _show(self, status: UpgradeStatus, action: str) -> None:
        phase = phase_of(status, action)
        # Asked for only where it matters: an upgrade that is never parked costs what it always did.
        if PARKED in (phase, self._shown) and not workflow.patched(PARKED_IS_A_PHASE):
            phase = status.value
            self._shown = UpgradeStatus.ROLLING_FORWARD.value if self._shown == PARKED else self._shown
        if phase != self._shown:
            self._shown = phase
            show_phase(phase)

    async def end_operation(self, status: UpgradeStatus, error: UpgradeError | None) -> None:
        """End the long-running operations that wait for the upgrade, if there are any (docs/rules.md K3)."""
        ends = {
            UpgradeStatus.COMPLETED: OperationStatus.SUCCEEDED,
            UpgradeStatus.CANCELLED: OperationStatus.CANCELED,
        }
        for operation_id in self._operations:
            await end_operation(
                operation_id,
                ends.get(status, OperationStatus.FAILED),
                error.code if error else "",
                error.message if error else "",
            )

    def _rollback_error(self, progress: Progress) -> str:
        stuck = progress.of(Outcome.ROLLBACK_FAILED)
        return f"{len(stuck)} not healthy after their rollback, need a person: {stuck.ranges[:200]}" if stuck else ""

    def _changed(self, progress: Progress, batch: int) -> tuple[InstanceRecord, ...]:
        records = []
        for outcome in Outcome:
            fresh = progress.of(outcome) - self._written.of(outcome)
            if outcome is Outcome.SKIPPED:
                records += _left_out(progress, fresh)
            elif fresh:
                # Why one was rolled back is why it had failed. That was written, and this write replaces it.
                known = self._unwritten if outcome in NO_REASON else self._reasons | self._unwritten
                reasons = {one: why for one, why in known.items() if one in fresh}
                place = 0 if outcome in NO_BATCH else batch
                records.append(InstanceRecord(ids=fresh.ranges, batch=place, outcome=outcome, reasons=reasons))
        return tuple(records)


def _is_said(plan: UpgradePlan) -> bool:
    return plan.wishes is not None or plan.rollout is not None


def _left_out(progress: Progress, fresh: InstanceIds) -> list[InstanceRecord]:
    """A record for each reason, not for each instance (B6); an upgrade begun by an older worker knows no reasons."""
    records, told = [], InstanceIds()
    for reason, concerned in (progress.left_out | {"": fresh}).items():
        if ids := (concerned & fresh) - told:
            records.append(InstanceRecord(ids=ids.ranges, batch=0, outcome=Outcome.SKIPPED, reason=reason))
            told |= ids
    return records


NO_REASON = (Outcome.PENDING, Outcome.IN_PROGRESS, Outcome.CURRENT, Outcome.UPGRADED, Outcome.STOPPED)
NO_BATCH = (Outcome.PENDING, Outcome.CURRENT)
