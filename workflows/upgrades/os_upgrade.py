"""One upgrade of one scale set: pre-check, batches, health wait, rollback, verdict (docs/rules.md section P).

An OS upgrade, or a change of the model in mode Rolling: the plan says which, the domain what that means for whom.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from activities.batches import BatchActivities
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.os_upgrade import BatchChoice, LookRequest, UpgradeResult, UpgradeState
from instar.domain.messages.scale_set import UpgradeEnded
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrades import ErrorCode, UpgradeError, UpgradeStatus
from instar.domain.sets.names import UPGRADE_WORKFLOW
from workflows import options
from workflows.upgrades.batch_work import BatchWork
from workflows.upgrades.journal import Journal
from workflows.upgrades.judges import Judges
from workflows.upgrades.memory import UpgradeMemory
from workflows.upgrades.parking import Parking
from workflows.upgrades.upgrade_end import as_temporal_lists_it, tell_the_set

Looked = TypeVar("Looked")

PRE_CHECK = "pre-check of the whole set"

WAITS_FOR_BOOTS = "waits-for-boots"
"""The pre-check waits for machines that boot (P2a): not in upgrades that began before it did."""


@workflow.defn(name=UPGRADE_WORKFLOW)
class OsUpgradeWorkflow:
    """Moves one scale set to one image version, or to its changed model, batch by batch."""

    @workflow.init
    def __init__(self, state: UpgradeState) -> None:
        self._memory = UpgradeMemory(state)
        judges = Judges(self._memory)
        self._parking = Parking(self._memory, judges)
        self._journal = Journal(self._memory)
        self._work = BatchWork(self._memory, self._journal, judges, self._parking)

    @workflow.signal(description="End waits at once, begin nothing new, let begun swaps come to their end (P14)")
    def cancel(self, reason: str) -> None:
        """Ask the upgrade to end; asking twice is asking once."""
        self._memory.cancel_reason = self._memory.cancel_reason or reason or "cancelled"

    @workflow.signal(description="Something was wished, or is wished no more: a parked upgrade asks at once (C1, C2)")
    def look_again(self) -> None:
        """Ask whether the next batch may begin; a word that comes early or twice does no harm."""
        self._parking.tell()

    @workflow.run
    async def run(self, _state: UpgradeState) -> UpgradeResult:
        """Upgrade. Temporal's own Cancel means the same as the signal: it must not cut a swap off half-way.

        Raises Outcome at the end of a Faulted one.
        """
        upgrade = asyncio.create_task(self._upgrade())
        while not upgrade.done():
            try:
                await asyncio.shield(upgrade)
            except BaseException as error:
                if upgrade.done() or not is_cancelled_exception(error):
                    raise
                self.cancel("cancelled in Temporal")
        return as_temporal_lists_it(upgrade.result())

    async def _upgrade(self) -> UpgradeResult:
        if self._memory.progress is None:
            checked = await self._pre_checked()
            if checked.breach:
                self._memory.progress = Progress()
                return await self._end(UpgradeStatus.FAULTED, checked.reason, checked.breach)
            self._memory.progress = checked.progress
            told = f"pre-check: {checked.reason}"
            if self._memory.chosen is None:
                await self._journal.decided("started", told)
            else:
                self._journal.notes("started", told)
        while not self._memory.is_cancelled():
            choice = await self._next_batch()
            if choice is None:
                break
            if choice.breach:
                return await self._breached(choice.breach, choice.unhealthy)
            if not choice.batch and not self._work.bakes_longer():
                return await self._end(UpgradeStatus.COMPLETED, f"completed: {choice.reason}")
            if self._memory.is_cancelled():
                break
            does = self._work.one_batch(choice) if choice.batch else self._work.bake_longer()
            breach, unhealthy = await does
            if breach:
                return await self._breached(breach, unhealthy)
            await self._pause()
            self._continue_if_long()
        return await self._cancelled_end()

    def _continue_if_long(self) -> None:
        if self._memory.chosen is not None or self._memory.is_cancelled():
            return
        if workflow.info().is_continue_as_new_suggested():
            workflow.continue_as_new(self._memory.state(self._journal.sequence))

    async def _next_batch(self) -> BatchChoice | None:
        """What comes next, once it may begin: a batch, a breach, or nothing left; None: the upgrade is to end."""
        while not self._memory.is_cancelled():
            choice, self._memory.chosen = self._memory.chosen, None
            if choice is None:
                self._parking.asks()
                choice = await self._look(BatchActivities.select_batch, f"select batch {self._memory.batch + 1}")
            self._memory.progress, self._memory.judged = choice.progress, None
            if choice.stop:
                self.cancel(choice.stop.reason)
            elif choice.park is None:
                self._parking.goes_on()
                return choice
            else:
                if self._parking.is_new(choice.park) or self._journal.owes:
                    park = choice.park
                    await self._journal.decided(park.action, f"parked: {park.reason}", parked_for=park.what.value)
                await self._parking.wait(choice.park)
                self._continue_if_long()
        return None

    async def _pre_checked(self) -> BatchChoice:
        """Once machines that were just started had their time to become healthy (P2, P2a)."""
        checked = await self._check()
        # Asked for only where it matters: an upgrade that finds nobody booting costs what it always did.
        if checked.breach or not checked.boots or not workflow.patched(WAITS_FOR_BOOTS):
            return checked
        self._memory.progress = checked.progress
        count = len(checked.progress.of(*Outcome))
        await self._journal.decided("waits", f"waits for {len(checked.boots)} of {count} instances that boot")
        await self._work.health.until_booted(checked.boots, checked.boots_until)
        self._memory.progress = None
        return checked if self._memory.is_cancelled() else await self._check()

    async def _check(self) -> BatchChoice:
        """On a fresh look, which chooses the first batch too where nothing comes between the two."""
        if not self._work.goes_straight_on():
            return await self._look(BatchActivities.pre_check, PRE_CHECK)
        self._parking.asks()
        found = await self._look(BatchActivities.check_and_select, f"{PRE_CHECK}, and its first batch")
        self._memory.chosen = found.choice
        return found.checked

    async def _breached(self, breach: UpgradeError, unhealthy: InstanceIds) -> UpgradeResult:
        """A limit was exceeded: Faulted, after what P10 asks for. A cancel meanwhile changes nothing in that."""
        mine = unhealthy & self._memory.known.of(Outcome.UPGRADED, Outcome.FAILED)
        plan = self._memory.started.plan
        # A rollback is not rolled back: what it would give back is what somebody wanted to leave (R2).
        if plan.policy.rollback_failed_instances_on_policy_breach and mine and plan.way_back is None:
            await self._work.roll_back_breach(breach, mine)
        breach = self._work.records_behind() if self._memory.overtaken else breach
        return await self._end(UpgradeStatus.FAULTED, breach.message, breach)

    async def _cancelled_end(self) -> UpgradeResult:
        reason = f"cancelled: {self._memory.cancel_reason}"
        failed = self._memory.known.of(Outcome.FAILED, Outcome.ROLLBACK_FAILED) | self._memory.unconfirmed_back
        error = UpgradeError(code=ErrorCode.CANCELED, message=reason, details=self._journal.details(failed))
        return await self._end(UpgradeStatus.CANCELLED, reason, error)

    async def _end(self, status: UpgradeStatus, reason: str, error: UpgradeError | None = None) -> UpgradeResult:
        """Write the end down, tell the set that its lock is free, and end the operation.

        In this order: whoever waits for the operation can start the next upgrade at once.
        """
        await self._journal.decided(status.lower(), reason, status, error)
        ended = UpgradeEnded(
            number=self._memory.started.number,
            ended_at=workflow.now(),
            status=status,
            error_code=error.code if error else "",
            reason=reason,
            generation=self._memory.started.plan.generation,
            left_behind=self._memory.known.of(Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.ROLLBACK_FAILED)
            - self._memory.unconfirmed,
        )
        await tell_the_set(self._memory.started.scale_set, ended)
        await self._journal.end_operation(status, error)
        return UpgradeResult(status=status, reason=reason, error=error)

    async def _pause(self) -> None:
        pause = self._memory.started.plan.policy.pause_time_between_batches
        if pause <= timedelta(0) or self._memory.is_cancelled() or not self._memory.known.of(Outcome.PENDING):
            return
        try:
            await workflow.wait_condition(
                self._memory.is_cancelled, timeout=pause, timeout_summary="pause between batches"
            )
        except TimeoutError:
            return

    async def _look(
        self,
        look: Callable[[BatchActivities, LookRequest], Awaitable[Looked]],
        summary: str,
    ) -> Looked:
        return await workflow.execute_activity_method(
            look, self._memory.look_request(), summary=summary, **options.READ
        )
