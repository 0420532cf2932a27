"""After a batch: health is observed on, and who gets sick counts as failed (docs/rules.md W2)."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.os_upgrade import Verdict
from instar.domain.records.progress import Outcome
from instar.domain.spans import in_words
from instar.domain.steering.bakes import bake_after
from workflows.upgrades.health_wait import HealthWait
from workflows.upgrades.journal import Journal
from workflows.upgrades.memory import UpgradeMemory

SHORTEST = timedelta(seconds=1)


class Bake:
    """The bakes of one upgrade. `fail` does what a failed health wait asks for (P7), `judge` judges anew (P9)."""

    def __init__(
        self,
        memory: UpgradeMemory,
        journal: Journal,
        health: HealthWait,
        fail: Callable[[InstanceIds, InstanceIds, str], Awaitable[None]],
        judge: Callable[[], Awaitable[Verdict]],
    ) -> None:
        self._memory = memory
        self._journal = journal
        self._health = health
        self._fail = fail
        self._judge = judge

    async def after(self, verdict: Verdict) -> Verdict:
        """What the verdict is at the end of the bake: the batch's own where the policy has none, or nobody got sick."""
        length = self._length()
        if length <= timedelta(0) or not self._baking():
            return verdict
        until = workflow.now() + length
        count = len(self._baking())
        await self._journal.decided("bake", f"bakes for {in_words(length)}: {count} instances are watched")
        while (left := until - workflow.now()) > SHORTEST and not self._memory.is_cancelled() and self._baking():
            baking = self._baking()
            found = await self._health.until_sick(baking, left, f"bake after batch {self._memory.batch}")
            if not found.unhealthy or self._memory.is_cancelled():
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

    def _length(self) -> timedelta:
        known = self._memory.known
        return bake_after(
            self._memory.started.plan.rollout,
            batch=self._memory.batch,
            canary_batches=known.canary_batches,
            is_last=not known.of(Outcome.PENDING),
        )

    def _baking(self) -> InstanceIds:
        """Everybody whom this upgrade has upgraded so far."""
        return self._memory.known.of(Outcome.UPGRADED)
