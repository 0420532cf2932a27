"""After a batch: health is observed on, and who gets sick counts as failed (docs/rules.md W2).

Judges are asked all the while (G2). While one says no the bake's time stands still, and it goes on longer by that.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.os_upgrade import Verdict
from instar.domain.records.progress import Outcome
from instar.domain.spans import in_words
from instar.domain.steering.bakes import bake_after
from instar.domain.steering.next_step import Stop
from workflows.upgrades.health_wait import HealthWait
from workflows.upgrades.journal import Journal
from workflows.upgrades.judges import Judges, Watch
from workflows.upgrades.memory import UpgradeMemory

SHORTEST = timedelta(seconds=1)

UNTIL_YES = timedelta(days=365)
"""A timer that is no end: while a judge says no its yes is waited for."""


class Bake:
    """The bakes of one upgrade. `fail` does what a failed health wait asks for (P7), `judge` judges anew (P9)."""

    def __init__(  # noqa: PLR0917  # put together
        self,
        memory: UpgradeMemory,
        journal: Journal,
        health: HealthWait,
        judges: Judges,
        fail: Callable[[InstanceIds, InstanceIds, str], Awaitable[None]],
        judge: Callable[[], Awaitable[Verdict]],
    ) -> None:
        self._memory = memory
        self._journal = journal
        self._health = health
        self._judges = judges
        self._fail = fail
        self._judge = judge

    async def after(self, verdict: Verdict) -> Verdict:
        """What the verdict is at the end of the bake: the batch's own where the policy has none, or nobody got sick."""
        if not self.is_due():
            return verdict
        length = self._left()
        self._memory.baked += length
        count = len(self._baking())
        await self._journal.decided("bake", f"bakes for {in_words(length)}: {count} instances are watched")
        watch = self._judges.watch()
        verdict = await self._watched(verdict, length, watch)
        await watch.end()
        return verdict

    def is_due(self) -> bool:
        """Whether somebody is to be watched longer than was begun since the last batch.

        So it is after a batch; and later, where those that were still to come are gone or left out, so that the batch
        before was the last one.
        """
        return self._left() > timedelta(0) and bool(self._baking())

    async def _watched(self, verdict: Verdict, length: timedelta, watch: Watch) -> Verdict:
        """Health and judges, at the same time, until the bake's time is over."""
        until = workflow.now() + length
        while not self._memory.is_cancelled() and (baking := self._baking()):
            began, left = workflow.now(), until - workflow.now()
            if left <= SHORTEST and not watch.against:
                break
            longest, what = UNTIL_YES if watch.against else left, f"bake after batch {self._memory.batch}"
            found = await self._health.until_sick(baking, longest, what, watch.spoke)
            if watch.against:
                until += workflow.now() - began
            spoke = watch.spoke()
            if spoke and not self._memory.is_cancelled():
                await self._heed(watch, until - workflow.now())
            if self._memory.is_cancelled():
                break
            if not found.unhealthy:
                if spoke:
                    continue
                break
            self._journal.explain(found.reasons)
            self._memory.move(found.unhealthy, Outcome.FAILED)
            await self._fail(found.unhealthy, baking, "sick while it baked")
            if self._memory.overtaken or self._memory.is_cancelled():
                break
            verdict = await self._judge()
            self._memory.progress = verdict.progress
            await self._journal.decided("verdict", verdict.reason)
            if verdict.breach:
                break
        return verdict

    async def _heed(self, watch: Watch, left: timedelta) -> None:
        """What a judge has said (G2)."""
        step = await watch.heard()
        if isinstance(step, Stop):
            self._memory.cancel_reason = self._memory.cancel_reason or step.reason
        elif step is not None:
            await self._journal.decided(step.action, f"parked: {step.reason}")
        else:
            longer = max(left, timedelta(0))
            await self._journal.decided("bake", f"bakes for {in_words(longer)} more: its judges say yes again")

    def _left(self) -> timedelta:
        known = self._memory.known
        return -self._memory.baked + bake_after(
            self._memory.started.plan.rollout,
            batch=self._memory.batch,
            canary_batches=known.canary_batches,
            is_last=not known.of(Outcome.PENDING),
        )

    def _baking(self) -> InstanceIds:
        """Everybody whom this upgrade has upgraded so far."""
        return self._memory.known.of(Outcome.UPGRADED)
