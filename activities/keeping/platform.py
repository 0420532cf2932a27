"""What the platform would do with one set by itself: the look that starts upgrades (docs/rules.md T1, T2, T5, T7, W5).

Made by the set's own workflow, and for it while it is idle; the decision is `instar.domain.looks.looking`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.heartbeats import beating
from activities.keeping.offers import Offer, offer
from activities.looks import look_at
from activities.plans import plan_for
from activities.records.quarantines import outdated_generations
from activities.records.records_age import refuse_old_records
from activities.translation import translated
from instar.compute.clock import Clock
from instar.compute.provider import Provider
from instar.domain.decisions import enrolment
from instar.domain.decisions.starts import rolls_back
from instar.domain.eligibility.eligibility import start_blockers
from instar.domain.images.images import ImageReference, newest
from instar.domain.looks.looking import Offered, without_machines
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance
from instar.domain.messages.scale_set import Resolution, ResolveUpgrade
from instar.domain.records.progress import Outcome
from instar.domain.records.quarantine import Quarantine
from instar.domain.records.triggers import Settled
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from instar.store.sets.offered import offered_versions
from instar.store.store import Store


def wanted(versions: Sequence[str], quarantine: Quarantine) -> list[str]:
    """Those that are not quarantined (T5)."""
    return [one for one in versions if quarantine.of(one) is None]


def offered_to(
    model: ScaleSetModel, location: str, versions: Sequence[str], quarantine: Quarantine, by_rings: Offer
) -> Offered:
    """What a set could be brought to. `versions`: all on offer; `by_rings`: of those that are not quarantined."""
    latest = newest(versions)
    entry = None if latest is None or latest == by_rings.version else quarantine.of(latest)
    return Offered(
        version=by_rings.version,
        nothing=model.image.not_published_in(location),
        waits=by_rings.waits,
        quarantined="" if entry is None else f"quarantined: {entry.version} ({entry.reason})",
    )


@dataclass(frozen=True)
class PlatformLook:
    """One look at one set."""

    provider: Provider
    store: Store
    clock: Clock

    async def look(self, request: ResolveUpgrade, model: ScaleSetModel) -> Resolution:
        """By the set's workflow: machines are listed only where something may have changed since they last were.

        Raises ApplicationError, as `activities.translation` has it.
        """
        scale_set = request.scale_set
        outdated = await outdated_generations(self.store, scale_set, request.quarantine, model.generation)
        quarantine = request.quarantine.without_generations(outdated)
        versions = await asyncio.to_thread(offered_versions, self.store, model.image, scale_set.location, self.clock())
        by_rings = await offer(self.store, scale_set, model.image, wanted(versions, quarantine))
        offered = offered_to(model, scale_set.location, versions, quarantine, by_rings)
        found = without_machines(
            offered, request.held, request.settled, model.generation, request.at, outdated=bool(outdated)
        )
        if found is not None:
            return Resolution(
                plan=None, reason=found.reason, refused=found.refused, settled=found.settled, outdated=outdated
            )
        async with translated(), beating():
            resolution = await self.in_full(scale_set, model, offered, quarantine, request.at or self.clock())
        return resolution.model_copy(update={"outdated": outdated})

    async def in_full(
        self,
        scale_set: ScaleSetIdentity,
        model: ScaleSetModel,
        offered: Offered,
        quarantine: Quarantine,
        at: datetime,
    ) -> Resolution:
        """List the machines: is there one that an upgrade by the platform would touch (T1, T5, T7, B6)?

        Raises ComputeError, and ApplicationError RecordsBehind (F7).
        """
        version = offered.version or ""
        target = model.image.at(version)
        instances = await self.provider.list_instances(scale_set)
        await refuse_old_records(self.store, scale_set, instances)
        if blockers := start_blockers(model, instances):
            reason = " ".join(blocker.message for blocker in blockers) + offered.besides
            return Resolution(plan=None, reason=reason, refused=True)
        plan = await plan_for(
            self.store,
            model,
            target,
            StartedBy.PLATFORM,
            auto_rollback=rolls_back(model, StartedBy.PLATFORM, None),
            left_behind=quarantine.behind(version),
            rollout=await self._rollout(scale_set),
        )
        elsewhere = [instance.instance_id for instance in instances if not _is_on(instance, target)]
        if elsewhere:
            # Who is left out (T5, T7, B6, and by what a machine says of itself) is said in one place, on a look.
            look = await look_at(self.provider, scale_set, plan.health_source, self.clock, elsewhere)
            if enrolment.enrol(look, plan, StartedBy.PLATFORM).of(Outcome.PENDING):
                return Resolution(plan=plan, reason=f"{target} is the newest version" + offered.besides)
        reason = f"nothing newer than {version}"
        if elsewhere:
            reason += f"; left as they are: {InstanceIds.of(elsewhere).ranges[:100]}"
        settled = Settled(version=version, generation=model.generation, reason=reason, until=at)
        return Resolution(plan=None, reason=reason + offered.besides, settled=settled)

    async def _rollout(self, scale_set: ScaleSetIdentity) -> Any:
        stored = await asyncio.to_thread(self.store.rollout_policies.in_force, scale_set.unique_id)
        return stored.policy if stored else None


def tags_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a stored set."""
    return document.get("tags") or {}


def _is_on(instance: Instance, target: ImageReference) -> bool:
    return instance.os_disk is not None and instance.os_disk.image.same_as(target)
