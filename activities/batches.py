"""Pre-check, batch selection and verdict: a look at the set, handed to the domain's decisions."""

from collections.abc import Iterable
from dataclasses import dataclass

from temporalio import activity

from activities.heartbeats import beating
from activities.images import why_withdrawn
from activities.keeping import turns
from activities.keeping.offers import overtaken
from activities.looks import look_at
from activities.records.records_age import why_behind
from activities.steering import say_parked, steered
from activities.translation import translated
from instar.compute.clock import Clock, utc_now
from instar.compute.provider import Provider
from instar.domain.decisions import batching, enrolment, verdicts
from instar.domain.decisions.before_batch import awaits_canaries
from instar.domain.decisions.model_changes import keeps_its_disk, kept_disks
from instar.domain.images.images import ImageReference
from instar.domain.legible import legible
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Look, Standing
from instar.domain.messages.one_look import CheckedAndChosen, JudgedAndChosen
from instar.domain.messages.os_upgrade import BatchChoice, LookRequest, Verdict
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import ErrorCode, UpgradeError, UpgradeKind
from instar.domain.steering.next_step import Park, ParkedFor, Stop
from instar.domain.steering.start_wishes import StartWishes
from instar.store.store import Store


@dataclass(frozen=True)
class BatchActivities:
    """Decisions about the set as a whole; nothing here changes a machine."""

    provider: Provider
    store: Store
    clock: Clock = utc_now

    @activity.defn
    async def pre_check(self, request: LookRequest) -> BatchChoice:
        """Fix who belongs to the upgrade (P16) and whether it may begin at all (P2)."""
        return await self._checked(request, await self._look(request))

    @activity.defn
    async def check_and_select(self, request: LookRequest) -> CheckedAndChosen:
        """The pre-check, and the first batch on the same look, if the upgrade may begin it.

        Whoever is held back, or asks for a turn, is written down first: a turn of nobody known is taken back (W4).
        """
        look = await self._look(request)
        checked = await self._checked(request, look)
        begins = request.model_copy(update={"progress": checked.progress})
        if checked.breach or checked.boots or await steered(self.store, begins, self.clock()):
            return CheckedAndChosen(checked=checked)
        if await turns.has_limits(self.store, request):
            return CheckedAndChosen(checked=checked)
        return CheckedAndChosen(checked=checked, choice=await self._selected(begins, look))

    @activity.defn
    async def select_batch(self, request: LookRequest) -> BatchChoice:
        """The next batch on a fresh look (P3), or why there is none. Parked, an upgrade looks at nobody (C1, C2)."""
        return await self._steered_choice(request, None)

    @activity.defn
    async def judge_batch(self, request: LookRequest) -> Verdict:
        """The verdict after a batch (P9)."""
        return await self._judged(request, await self._look(request))

    @activity.defn
    async def judge_and_select(self, request: LookRequest) -> JudgedAndChosen:
        """The verdict after a batch (P9) and, if it is to go on, what comes next on the same look (P3)."""
        look = await self._look(request)
        verdict = await self._judged(request, look)
        if verdict.breach:
            return JudgedAndChosen.of(verdict)
        goes_on = request.model_copy(update={"progress": verdict.progress})
        return JudgedAndChosen.of(verdict, await self._steered_choice(goes_on, look))

    async def _checked(self, request: LookRequest, look: Look) -> BatchChoice:
        if old := await self._old_records(request, look):
            return BatchChoice(progress=Progress(), reason=old.message, breach=old)
        reason, breach = verdicts.check_whole_set(
            look,
            request.plan.policy,
            ErrorCode.UNHEALTHY_BEFORE,
            request.scale_set.name,
            request.plan.waived,
        )
        if breach:
            return BatchChoice(progress=Progress(), reason=reason, breach=breach)
        progress = enrolment.enrol(look, request.plan, request.started_by)
        booting = [view for view in look.standing_in(Standing.INITIALIZING) if view.boots]
        started = [view.instance.booted_at for view in booting if view.instance.booted_at]
        return BatchChoice(
            progress=progress,
            reason=_joined(
                reason,
                _goes_back(request.plan),
                enrolment.left_out_sentence(progress),
                await overtaken(self.store, request),
            ),
            boots=InstanceIds.of(view.instance_id for view in booting),
            boots_until=max(started) + request.boots_within if started else None,
        )

    async def _steered_choice(self, request: LookRequest, look: Look | None) -> BatchChoice:
        """What comes next, if it may. `look`: one whose machines are known not to be ahead of the records."""
        step = await steered(self.store, request, self.clock())
        if step and request.progress and request.progress.of(Outcome.PENDING):
            return await self._not_now(request, request.progress, step)
        if look is None:
            look = await self._look(request)
            if old := await self._old_records(request, look):
                progress = verdicts.without_vanished(look, request.progress or Progress())
                return BatchChoice(progress=progress, reason=old.message, breach=old)
        return await self._selected(request, look, step)

    async def _selected(self, request: LookRequest, look: Look, step: Park | Stop | None = None) -> BatchChoice:
        progress = verdicts.without_vanished(look, request.progress or Progress())
        reason, breach = verdicts.check_whole_set(
            look,
            request.plan.policy,
            ErrorCode.UNHEALTHY_DURING,
            request.scale_set.name,
            request.plan.waived,
        )
        if not breach:
            breach = await self._withdrawn(request, _needed_images(look, progress, request.plan))
        if breach:
            attempted = progress.attempted
            sick = InstanceIds.of(view.instance_id for view in look.standing_in(Standing.UNHEALTHY, attempted))
            return BatchChoice(progress=progress, reason=breach.message, breach=breach, unhealthy=sick)
        left_out = progress.of(Outcome.SKIPPED)
        progress = enrolment.enrolled_anew(look, progress, request.plan, request.started_by)
        also_left_out = "" if progress.of(Outcome.SKIPPED) == left_out else enrolment.left_out_sentence(progress)
        at_most = await turns.largest(self.store, request)
        batch = batching.select_batch(look, progress, request.plan, request.batch, at_most)
        progress = progress.model_copy(update={"canary_batches": batch.canary_batches})
        if not batch.ids:
            return BatchChoice(progress=progress, reason=_joined(batch.reason, enrolment.left_out_sentence(progress)))
        awaited = awaits_canaries(request.plan, request.progress or Progress(), request.batch)
        if awaited and not awaits_canaries(request.plan, progress, request.batch):
            # They are gone or left out by now: the gate after them is here (G3).
            step = await steered(self.store, request.model_copy(update={"progress": progress}), self.clock())
        if waits := step or await turns.not_its_turn(self.store, request, len(batch.ids), self.clock()):
            return await self._not_now(request, progress, waits)
        await say_parked(self.store, request, "", self.clock())
        standing = {view.instance_id: view.standing for view in look.views}
        return BatchChoice(
            progress=progress,
            batch=batch.ids,
            sick_before=InstanceIds.of(
                instance_id for instance_id in batch.ids if standing[instance_id] is Standing.UNHEALTHY
            ),
            stopped=InstanceIds.of(
                instance_id for instance_id in batch.ids if standing[instance_id] is Standing.STOPPED
            ),
            keeps_disk=kept_disks((look.by_id[instance_id].instance for instance_id in batch.ids), request.plan),
            reason=_joined(batch.reason, reason, also_left_out),
        )

    async def _not_now(self, request: LookRequest, progress: Progress, step: Park | Stop) -> BatchChoice:
        """What operators wish is waited for, and told (C1, C2, G3, W4)."""
        # Whoever only asks its judges is back at once: it keeps its place, or it would be the last in line for ever.
        if isinstance(step, Stop) or not (step.what is ParkedFor.TURN or step.asks):
            await turns.stand_aside(self.store, request)
        if isinstance(step, Stop):
            return BatchChoice(progress=progress, reason=step.reason, stop=step)
        await say_parked(self.store, request, step.reason, self.clock())
        return BatchChoice(progress=progress, reason=step.reason, park=step)

    async def _judged(self, request: LookRequest, look: Look) -> Verdict:
        if old := await self._old_records(request, look):
            return Verdict(progress=request.progress or Progress(), reason=old.message, breach=old)
        verdict = verdicts.judge(look, request.progress or Progress(), request.plan.policy, request.scale_set.name)
        if not verdict.breach:
            # After a breach its machines may go out once more, to be given their disks back: its end gives all back.
            await turns.is_back(self.store, request)
        return verdict

    async def _look(self, request: LookRequest) -> Look:
        async with translated(), beating():
            look = await look_at(
                self.provider,
                request.scale_set,
                request.plan.health_source,
                self.clock,
                boots_within=request.boots_within,
            )
        # Whoever this upgrade has worked on was healthy since, or had its wait: it does not boot any more.
        return enrolment.without_boots(look, (request.progress or Progress()).attempted)

    async def _old_records(self, request: LookRequest, look: Look) -> UpgradeError | None:
        """F7: machines that have seen what the records do not know: no decision about them can be right."""
        behind = await why_behind(self.store, request.scale_set, (view.instance for view in look.views))
        return UpgradeError(code=ErrorCode.RECORDS_BEHIND, message=f"stopped: {behind}") if behind else None

    async def _withdrawn(self, request: LookRequest, needed: Iterable[ImageReference]) -> UpgradeError | None:
        """P19: a version that is not offered in the set's region any more."""
        for target in needed:
            why = await why_withdrawn(self.store, target, request.scale_set.location, self.clock())
            if why:
                reason = f"stopped: image version {target} was withdrawn: {why}"
                return UpgradeError(code=ErrorCode.IMAGE_UNUSABLE, message=reason)
        return None


def _goes_back(plan: UpgradePlan) -> str:
    """Of a rollback: who goes where, and whose wish it is (R2, P17)."""
    if plan.way_back is None:
        return ""
    wishes = plan.wishes or StartWishes()
    whose = f"asked for by {legible(wishes.by)}" if wishes.by else ""
    return _joined(plan.way_back.goes, f"{whose}: {legible(wishes.reason)}" if whose and wishes.reason else whose)


def _joined(*sentences: str) -> str:
    return "; ".join(filter(None, sentences))


def _needed_images(look: Look, progress: Progress, plan: UpgradePlan) -> list[ImageReference]:
    """Of which versions somebody may still need a disk. An OS upgrade always says so, to the last batch.

    Of a rollback only those of which disks are newly made: a disk that is kept is there, whatever is published (R2).
    """
    pending = progress.of(Outcome.PENDING)
    if plan.way_back is not None:
        return [part.image for part in plan.way_back.parts if part.newly_made and part.ids & pending]
    waiting = [look.by_id[instance_id].instance for instance_id in pending if instance_id in look.by_id]
    needed = plan.kind is UpgradeKind.OS_UPGRADE or not all(keeps_its_disk(one, plan) for one in waiting)
    return [plan.target] if needed else []
