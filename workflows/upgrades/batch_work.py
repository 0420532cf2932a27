"""One batch of an upgrade: swap, wait, roll back, judge (docs/rules.md P6 to P10, P13, P14)."""

from datetime import timedelta
from functools import partial

from temporalio import workflow

from activities.batches import BatchActivities
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.one_look import JudgedAndChosen
from instar.domain.messages.os_upgrade import BatchChoice, Verdict
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import ErrorCode, UpgradeError, UpgradeStatus
from instar.domain.spans import in_words
from workflows import options
from workflows.instance_effects import InstanceEffects
from workflows.rows import carry_out
from workflows.upgrades.bake import Bake
from workflows.upgrades.health_wait import HealthWait
from workflows.upgrades.hooks import Hooks
from workflows.upgrades.journal import Journal
from workflows.upgrades.judges import Judges
from workflows.upgrades.memory import UpgradeMemory
from workflows.upgrades.one_look import goes_by_one_look, slices, to_be_done
from workflows.upgrades.parking import Parking
from workflows.visibility import batch_line

UNCONFIRMED = "not confirmed healthy when the upgrade was cancelled"
"""Nobody knows what would have become of a machine whose wait was cut short: nothing is held against it (P14)."""

UNCONFIRMED_BACK = "has its previous disk back, not confirmed healthy on it when the upgrade was cancelled"


class BatchWork:
    """What is done to machines in one upgrade, and what is written down of it."""

    def __init__(self, memory: UpgradeMemory, journal: Journal, judges: Judges, parking: Parking) -> None:
        self._memory = memory
        self._journal = journal
        self._parking = parking
        state = memory.started
        carry = partial(carry_out, cancelled=memory.ends_waits)
        self._effects = InstanceEffects(
            state.scale_set, state.number, key=state.key, carry=carry, slicing=slices, to_be_done=to_be_done
        )
        self.health = HealthWait(state.scale_set, state.plan.health_source, state.delays, memory.ends_waits)
        self.hooks = Hooks(memory, journal)
        self._bake = Bake(memory, journal, self.health, judges, self._fail, self._judged)

    async def one_batch(self, choice: BatchChoice) -> tuple[UpgradeError | None, InstanceIds]:
        """Swap, wait, roll back, judge: the breach if the upgrade must stop, and who is unhealthy then."""
        memory, began_at = self._memory, workflow.now()
        memory.batch, memory.baked = memory.batch + 1, timedelta(0)
        memory.move(choice.batch, Outcome.IN_PROGRESS)
        await self._journal.decided("batch", f"batch {memory.batch}: {choice.batch.ranges[:100]}: {choice.reason}")
        ready = await self.hooks.open(choice.batch)
        keeps_disk = choice.keeps_disk & ready
        memory.kept_disks = memory.kept_disks | keeps_disk
        swapped = await self._effects.bring(memory.started.plan, ready, keeps_disk, memory.batch)
        memory.move(swapped.not_begun, Outcome.PENDING)
        memory.move(swapped.vanished, Outcome.VANISHED)
        memory.move(swapped.failed, Outcome.FAILED)
        memory.unmade = memory.unmade | swapped.failed
        memory.move(swapped.done & choice.stopped, Outcome.STOPPED)
        memory.impossible, memory.overtaken = swapped.impossible, swapped.overtaken
        if not memory.overtaken:
            await self._settle(swapped.done - choice.stopped, choice.sick_before, swapped.reasons)
        await self.hooks.close(ready)
        if memory.overtaken:
            return self.records_behind(), InstanceIds()
        if memory.is_cancelled():
            # Whoever could not be confirmed healthy in the time that was left says nothing of the image (P14).
            return None, InstanceIds()
        memory.took(workflow.now() - began_at)
        verdict = await (self._judged_and_next() if self.goes_straight_on() else self._judged())
        memory.progress = verdict.progress
        memory.add_line(batch_line(memory.batch, choice.batch, verdict))
        if memory.chosen is None:
            await self._journal.decided("verdict", verdict.reason)
        else:
            self._journal.notes("verdict", verdict.reason)
        if memory.impossible:
            # Also where P9 is broken by it: that a version is unusable says why (P19).
            reason = f"stopped: image version {memory.started.plan.target} is unusable: {memory.impossible}"
            return UpgradeError(code=ErrorCode.IMAGE_UNUSABLE, message=reason), verdict.unhealthy
        return (verdict.breach, verdict.unhealthy) if verdict.breach else await self._baked(verdict)

    def bakes_longer(self) -> bool:
        """Whether the batch before turns out to be the last one, and has its final bake still to come (W2)."""
        return self._bake.is_due()

    async def bake_longer(self) -> tuple[UpgradeError | None, InstanceIds]:
        """The rest of the final bake: the breach if the upgrade must stop, and who is unhealthy then."""
        return await self._baked(Verdict(progress=self._memory.known, reason=""))

    async def _baked(self, verdict: Verdict) -> tuple[UpgradeError | None, InstanceIds]:
        verdict = await self._bake.after(verdict)
        if self._memory.overtaken:
            return self.records_behind(), InstanceIds()
        return verdict.breach, verdict.unhealthy

    def goes_straight_on(self) -> bool:
        """Whether nothing comes between a look that says "go on" and the next batch, so that it may choose that too."""
        plan = self._memory.started.plan
        waits = plan.rollout is not None or plan.policy.pause_time_between_batches > timedelta(0)
        ends = self._memory.impossible or workflow.info().is_continue_as_new_suggested()
        return not waits and not ends and goes_by_one_look()

    async def _judged_and_next(self) -> Verdict:
        """The verdict, and on the same look what comes next (P3, P9)."""
        self._parking.asks()
        found: JudgedAndChosen = await workflow.execute_activity_method(
            BatchActivities.judge_and_select,
            self._memory.look_request(),
            summary=f"verdict after batch {self._memory.batch}, and what comes next",
            **options.READ,
        )
        self._memory.chosen = found.choice
        return found.judged

    async def _judged(self) -> Verdict:
        """On a fresh look (P9)."""
        return await workflow.execute_activity_method(
            BatchActivities.judge_batch,
            self._memory.look_request(),
            summary=f"verdict after batch {self._memory.batch}",
            **options.READ,
        )

    async def _settle(self, swapped: InstanceIds, sick_before: InstanceIds, reasons: dict[str, str]) -> None:
        """Health wait and, for those that failed it, rollback (P6, P7, P13)."""
        found = await self.health.until_healthy(swapped, f"of batch {self._memory.batch}")
        self._memory.move(found.vanished, Outcome.VANISHED)
        self._memory.move(found.stopped, Outcome.STOPPED)
        self._memory.move(found.healthy, Outcome.UPGRADED)
        sick = found.unhealthy | found.initializing
        self._memory.move(sick & sick_before, Outcome.SICK_BEFORE)
        failed = sick - sick_before
        self._memory.move(failed, Outcome.FAILED)
        cut_short = self._memory.is_cancelled()
        told = {one: f"{UNCONFIRMED}: {why}" for one, why in found.reasons.items()} if cut_short else found.reasons
        self._journal.explain(reasons | told)
        if not failed:
            return
        if cut_short:
            self._memory.unconfirmed = failed
            line = f"{len(failed)} not confirmed healthy ({failed.ranges[:100]}), kept as they are: cancelled"
            await self._journal.decided("failed", line)
            return
        wait = in_words(self._memory.started.delays.health_wait)
        await self._fail(failed, swapped, f"not healthy within {wait}")

    async def _fail(self, failed: InstanceIds, of: InstanceIds, why: str) -> None:
        """Those that failed get their previous disk, where the upgrade does so (P7)."""
        if not self._memory.started.plan.auto_rollback:
            line = f"{len(failed)} not healthy ({failed.ranges[:100]}), kept as they are: no automatic rollback"
            await self._journal.decided("failed", line)
            return
        await self._journal.decided(
            "rollback",
            f"{len(failed)} of {len(of)} {why}: {failed.ranges[:100]} get the previous disk",
        )
        await self._roll_back(failed)

    async def _roll_back(self, ids: InstanceIds) -> None:
        """Previous disks back, and a second wait (P7, P8)."""
        self._memory.move(ids, Outcome.IN_PROGRESS)
        restored = await self._effects.restore(self._memory.started.plan, ids, self._memory.batch)
        self._memory.overtaken = restored.overtaken
        self._memory.move(restored.not_begun, Outcome.PENDING if self._memory.overtaken else Outcome.FAILED)
        self._memory.move(restored.vanished, Outcome.VANISHED)
        self._memory.move(restored.failed, Outcome.ROLLBACK_FAILED)
        found = await self.health.until_healthy(restored.done, "after the rollback")
        self._memory.move(found.vanished, Outcome.VANISHED)
        self._memory.move(found.healthy | found.stopped, Outcome.ROLLED_BACK)
        sick, told = found.unhealthy | found.initializing, found.reasons
        if self._memory.ends_waits():
            # On its previous disk again, and given no time to become healthy on it: it may need nobody.
            self._memory.move(sick, Outcome.ROLLED_BACK)
            self._memory.unconfirmed_back = sick
            told = {one: f"{UNCONFIRMED_BACK}: {why}" for one, why in told.items()}
        else:
            self._memory.move(sick, Outcome.ROLLBACK_FAILED)
        self._journal.explain(restored.reasons | told)

    def records_behind(self) -> UpgradeError:
        """Machines have seen a newer operation: this one is over, and nothing is said of them or of the image (F7)."""
        self._memory.move(self._memory.known.of(Outcome.IN_PROGRESS), Outcome.PENDING)
        return UpgradeError(code=ErrorCode.RECORDS_BEHIND, message=f"stopped: {self._memory.overtaken}")

    async def roll_back_breach(self, breach: UpgradeError, mine: InstanceIds) -> None:
        """Previous disks back, where there are any: who got the model alone has none to be given back (P10)."""
        swapped = mine - self._memory.kept_disks
        told = [f"the {len(swapped)} unhealthy instances of this upgrade get their previous disk"] if swapped else []
        if kept := mine & self._memory.kept_disks:
            told.append(f"{kept.ranges[:100]} kept their disk and got the model alone: there is no disk to give back")
        status = UpgradeStatus.ROLLING_BACK if swapped else UpgradeStatus.ROLLING_FORWARD
        await self._journal.decided("rollback", "; ".join([breach.message, *told]), status)
        if swapped:
            self._memory.breach_is_rolled_back = True
            await self._roll_back(swapped)
