"""One upgrade of one scale set: pre-check, batches, health wait, rollback, verdict (docs/rules.md section P).

An OS upgrade, or a change of the model in mode Rolling: the plan says which, the domain what that means for whom.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from activities.batches import BatchActivities
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.os_upgrade import BatchChoice, LookRequest, UpgradeResult, UpgradeState
from instar.domain.messages.scale_set import UpgradeEnded
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrades import ErrorCode, UpgradeError, UpgradeStatus
from instar.domain.spans import in_words
from workflows import options
from workflows.instance_effects import InstanceEffects
from workflows.rows import carry_out
from workflows.upgrades.health_wait import HealthWait
from workflows.upgrades.journal import Journal
from workflows.upgrades.upgrade_end import tell_the_set
from workflows.visibility import batch_line

BATCH_LINES_KEPT = 50
"""Lines of the batch table: it is copied at each continue-as-new."""

PRE_CHECK = "pre-check of the whole set"

WAITS_FOR_BOOTS = "waits-for-boots"
"""The pre-check waits for machines that boot (P2a): not in upgrades that began before it did."""

UNCONFIRMED = "not confirmed healthy when the upgrade was cancelled"
"""Nobody knows what would have become of a machine whose wait was cut short: nothing is held against it (P14)."""

UNCONFIRMED_BACK = "has its previous disk back, not confirmed healthy on it when the upgrade was cancelled"


@workflow.defn
class OsUpgradeWorkflow:
    """Moves one scale set to one image version, or to its changed model, batch by batch."""

    @workflow.init
    def __init__(self, state: UpgradeState) -> None:
        self._cancel_reason = state.cancel_reason
        self._progress = state.progress
        self._batch = state.batch
        self._lines = state.batches
        self._kept_disks = state.kept_disks
        self._impossible = self._overtaken = ""
        self._breach_is_rolled_back = False
        self._unmade, self._unconfirmed = state.unmade, state.unconfirmed
        self._unconfirmed_back = InstanceIds()
        self._started = state
        self._journal = Journal(state)
        carry = partial(carry_out, cancelled=self._ends_waits)
        self._effects = InstanceEffects(state.scale_set, state.number, key=state.key, carry=carry)
        self._health = HealthWait(state.scale_set, state.plan.health_source, state.delays, self._ends_waits)

    @workflow.signal(description="End waits at once, begin nothing new, let begun swaps come to their end (P14)")
    def cancel(self, reason: str) -> None:
        """Ask the upgrade to end; asking twice is asking once."""
        self._cancel_reason = self._cancel_reason or reason or "cancelled"

    @workflow.run
    async def run(self, _state: UpgradeState) -> UpgradeResult:
        """Upgrade. Temporal's own Cancel means the same as the signal: it must not cut a swap off half-way."""
        upgrade = asyncio.create_task(self._upgrade())
        while not upgrade.done():
            try:
                await asyncio.shield(upgrade)
            except BaseException as error:
                if upgrade.done() or not is_cancelled_exception(error):
                    raise
                self.cancel("cancelled in Temporal")
        return upgrade.result()

    async def _upgrade(self) -> UpgradeResult:
        if self._progress is None:
            checked = await self._pre_checked()
            if checked.breach:
                self._progress = Progress()
                return await self._end(UpgradeStatus.FAULTED, checked.reason, checked.breach)
            self._progress = checked.progress
            await self._decided("started", f"pre-check: {checked.reason}")
        while not self._is_cancelled():
            choice = await self._look(BatchActivities.select_batch, f"select batch {self._batch + 1}")
            self._progress = choice.progress
            if choice.breach:
                return await self._breached(choice.breach, choice.unhealthy)
            if not choice.batch:
                return await self._end(UpgradeStatus.COMPLETED, f"completed: {choice.reason}")
            if self._is_cancelled():
                break
            breach, unhealthy = await self._one_batch(choice)
            if breach:
                return await self._breached(breach, unhealthy)
            await self._pause()
            if workflow.info().is_continue_as_new_suggested() and not self._is_cancelled():
                workflow.continue_as_new(self._state())
        return await self._cancelled_end()

    async def _pre_checked(self) -> BatchChoice:
        """Once machines that were just started had their time to become healthy (P2, P2a)."""
        checked = await self._look(BatchActivities.pre_check, PRE_CHECK)
        # Asked for only where it matters: an upgrade that finds nobody booting costs what it always did.
        if checked.breach or not checked.boots or not workflow.patched(WAITS_FOR_BOOTS):
            return checked
        self._progress = checked.progress
        count = len(checked.progress.of(*Outcome))
        await self._decided("waits", f"waits for {len(checked.boots)} of {count} instances that boot")
        await self._health.until_booted(checked.boots, checked.boots_until)
        self._progress = None
        return checked if self._is_cancelled() else await self._look(BatchActivities.pre_check, PRE_CHECK)

    async def _one_batch(self, choice: BatchChoice) -> tuple[UpgradeError | None, InstanceIds]:
        """Swap, wait, roll back, judge: the breach if the upgrade must stop, and who is unhealthy then."""
        self._batch += 1
        self._move(choice.batch, Outcome.IN_PROGRESS)
        await self._decided("batch", f"batch {self._batch}: {choice.batch.ranges[:100]}: {choice.reason}")
        self._kept_disks = self._kept_disks | choice.keeps_disk
        swapped = await self._effects.bring(self._started.plan, choice.batch, choice.keeps_disk, self._batch)
        self._move(swapped.not_begun, Outcome.PENDING)
        self._move(swapped.vanished, Outcome.VANISHED)
        self._move(swapped.failed, Outcome.FAILED)
        self._unmade = self._unmade | swapped.failed
        self._move(swapped.done & choice.stopped, Outcome.STOPPED)
        self._impossible, self._overtaken = swapped.impossible, swapped.overtaken
        if not self._overtaken:
            await self._settle(swapped.done - choice.stopped, choice.sick_before, swapped.reasons)
        if self._overtaken:
            return self._records_behind(), InstanceIds()
        if self._is_cancelled():
            # Whoever could not be confirmed healthy in the time that was left says nothing of the image (P14).
            return None, InstanceIds()
        verdict = await workflow.execute_activity_method(
            BatchActivities.judge_batch,
            self._look_request(),
            summary=f"verdict after batch {self._batch}",
            **options.READ,
        )
        self._progress = verdict.progress
        line = batch_line(self._batch, choice.batch, verdict)
        self._lines = (*self._lines, line)[-BATCH_LINES_KEPT:]
        await self._decided("verdict", verdict.reason)
        if self._impossible:
            # Also where P9 is broken by it: that a version is unusable says why (P19).
            reason = f"stopped: image version {self._started.plan.target} is unusable: {self._impossible}"
            return UpgradeError(code=ErrorCode.IMAGE_UNUSABLE, message=reason), verdict.unhealthy
        return verdict.breach, verdict.unhealthy

    async def _settle(self, swapped: InstanceIds, sick_before: InstanceIds, reasons: dict[str, str]) -> None:
        """Health wait and, for those that failed it, rollback (P6, P7, P13)."""
        found = await self._health.until_healthy(swapped, f"of batch {self._batch}")
        self._move(found.vanished, Outcome.VANISHED)
        self._move(found.stopped, Outcome.STOPPED)
        self._move(found.healthy, Outcome.UPGRADED)
        sick = found.unhealthy | found.initializing
        self._move(sick & sick_before, Outcome.SICK_BEFORE)
        failed = sick - sick_before
        self._move(failed, Outcome.FAILED)
        cut_short = self._is_cancelled()
        told = {one: f"{UNCONFIRMED}: {why}" for one, why in found.reasons.items()} if cut_short else found.reasons
        self._journal.explain(reasons | told)
        if not failed:
            return
        if cut_short:
            self._unconfirmed = failed
            line = f"{len(failed)} not confirmed healthy ({failed.ranges[:100]}), kept as they are: cancelled"
            await self._decided("failed", line)
            return
        wait = in_words(self._started.delays.health_wait)
        if not self._started.plan.auto_rollback:
            line = f"{len(failed)} not healthy ({failed.ranges[:100]}), kept as they are: no automatic rollback"
            await self._decided("failed", line)
            return
        await self._decided(
            "rollback",
            f"{len(failed)} of {len(swapped)} not healthy within {wait}: {failed.ranges[:100]} get the previous disk",
        )
        await self._roll_back(failed)

    async def _roll_back(self, ids: InstanceIds) -> None:
        """Previous disks back, and a second wait (P7, P8)."""
        self._move(ids, Outcome.IN_PROGRESS)
        restored = await self._effects.restore(self._started.plan, ids, self._batch)
        self._overtaken = restored.overtaken
        self._move(restored.not_begun, Outcome.PENDING if self._overtaken else Outcome.FAILED)
        self._move(restored.vanished, Outcome.VANISHED)
        self._move(restored.failed, Outcome.ROLLBACK_FAILED)
        found = await self._health.until_healthy(restored.done, "after the rollback")
        self._move(found.vanished, Outcome.VANISHED)
        self._move(found.healthy | found.stopped, Outcome.ROLLED_BACK)
        sick, told = found.unhealthy | found.initializing, found.reasons
        if self._ends_waits():
            # On its previous disk again, and given no time to become healthy on it: it may need nobody.
            self._move(sick, Outcome.ROLLED_BACK)
            self._unconfirmed_back = sick
            told = {one: f"{UNCONFIRMED_BACK}: {why}" for one, why in told.items()}
        else:
            self._move(sick, Outcome.ROLLBACK_FAILED)
        self._journal.explain(restored.reasons | told)

    def _records_behind(self) -> UpgradeError:
        """Machines have seen a newer operation: this one is over, and nothing is said of them or of the image (F7)."""
        self._move(self._known().of(Outcome.IN_PROGRESS), Outcome.PENDING)
        return UpgradeError(code=ErrorCode.RECORDS_BEHIND, message=f"stopped: {self._overtaken}")

    async def _breached(self, breach: UpgradeError, unhealthy: InstanceIds) -> UpgradeResult:
        """A limit was exceeded: Faulted, after what P10 asks for. A cancel meanwhile changes nothing in that."""
        mine = unhealthy & self._known().of(Outcome.UPGRADED, Outcome.FAILED)
        if self._started.plan.policy.rollback_failed_instances_on_policy_breach and mine:
            await self._roll_back_breach(breach, mine)
        breach = self._records_behind() if self._overtaken else breach
        return await self._end(UpgradeStatus.FAULTED, breach.message, breach)

    async def _roll_back_breach(self, breach: UpgradeError, mine: InstanceIds) -> None:
        """Previous disks back, where there are any: who got the model alone has none to be given back (P10)."""
        swapped = mine - self._kept_disks
        told = [f"the {len(swapped)} unhealthy instances of this upgrade get their previous disk"] if swapped else []
        if kept := mine & self._kept_disks:
            told.append(f"{kept.ranges[:100]} kept their disk and got the model alone: there is no disk to give back")
        status = UpgradeStatus.ROLLING_BACK if swapped else UpgradeStatus.ROLLING_FORWARD
        await self._decided("rollback", "; ".join([breach.message, *told]), status)
        if swapped:
            self._breach_is_rolled_back = True
            await self._roll_back(swapped)

    async def _cancelled_end(self) -> UpgradeResult:
        reason = f"cancelled: {self._cancel_reason}"
        failed = self._known().of(Outcome.FAILED, Outcome.ROLLBACK_FAILED) | self._unconfirmed_back
        error = UpgradeError(code=ErrorCode.CANCELED, message=reason, details=self._journal.details(failed))
        return await self._end(UpgradeStatus.CANCELLED, reason, error)

    async def _end(self, status: UpgradeStatus, reason: str, error: UpgradeError | None = None) -> UpgradeResult:
        """Write the end down, tell the set that its lock is free, and end the operation.

        In this order: whoever waits for the operation can start the next upgrade at once.
        """
        await self._decided(status.lower(), reason, status, error)
        ended = UpgradeEnded(
            number=self._started.number,
            ended_at=workflow.now(),
            status=status,
            error_code=error.code if error else "",
            reason=reason,
            generation=self._started.plan.generation,
            left_behind=self._known().of(Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.ROLLBACK_FAILED)
            - self._unconfirmed,
        )
        await tell_the_set(self._started.scale_set, ended)
        await self._journal.end_operation(status, error)
        return UpgradeResult(status=status, reason=reason, error=error)

    async def _pause(self) -> None:
        pause = self._started.plan.policy.pause_time_between_batches
        if pause <= timedelta(0) or self._is_cancelled() or not self._known().of(Outcome.PENDING):
            return
        try:
            await workflow.wait_condition(self._is_cancelled, timeout=pause, timeout_summary="pause between batches")
        except TimeoutError:
            return

    async def _look(
        self,
        look: Callable[[BatchActivities, LookRequest], Awaitable[BatchChoice]],
        summary: str,
    ) -> BatchChoice:
        return await workflow.execute_activity_method(look, self._look_request(), summary=summary, **options.READ)

    def _look_request(self) -> LookRequest:
        started = self._started
        return LookRequest(
            scale_set=started.scale_set,
            number=started.number,
            started_by=started.started_by,
            plan=started.plan,
            progress=self._progress,
            batch=self._batch,
            boots_within=started.delays.health_wait,
        )

    async def _decided(
        self,
        action: str,
        reason: str,
        status: UpgradeStatus = UpgradeStatus.ROLLING_FORWARD,
        error: UpgradeError | None = None,
    ) -> None:
        await self._journal.decided(self._state(), action, reason, status, error)

    def _state(self) -> UpgradeState:
        """All that the next run, or a reader, needs to know."""
        return self._started.model_copy(
            update={
                "batch": self._batch,
                "progress": self._progress,
                "sequence": self._journal.sequence,
                "cancel_reason": self._cancel_reason,
                "batches": self._lines,
                "kept_disks": self._kept_disks,
                "unmade": self._unmade,
                "unconfirmed": self._unconfirmed,
            },
        )

    def _known(self) -> Progress:
        return self._progress or Progress()

    def _move(self, ids: InstanceIds, outcome: Outcome) -> None:
        self._progress = self._known().moved(ids, outcome)

    def _is_cancelled(self) -> bool:
        return bool(self._cancel_reason)

    def _ends_waits(self) -> bool:
        """A cancel ends any wait, swap or restore but those of a breach's rollback, which finishes first (P14)."""
        return self._is_cancelled() and not self._breach_is_rolled_back
