"""As many machines as the model says, where they belong, none once the set is deleted (docs/rules.md F10, P15, P16).

A plan names the machines to be made and deleted by their ids; slices carry it out. So an attempt that is made again
makes the same machines, and whatever an earlier attempt still does is not counted twice (F2).
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby

from temporalio import activity

from activities.attempts import each, settled
from activities.heartbeats import beating
from activities.images import offered_versions
from activities.keeping.offers import offer
from activities.machine_models import machine_model
from activities.records.quarantines import outdated_generations
from activities.records.records_age import refuse_old_records
from activities.translation import translated
from instar.compute.clock import Clock, utc_now
from instar.compute.provider import Provider
from instar.domain.images.images import newest
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance
from instar.domain.machines.placement import Placement, placements
from instar.domain.machines.scale_in import leaving
from instar.domain.messages.capacity import (
    ApplyCapacity,
    CapacityApplied,
    CapacityPlan,
    DeleteSlice,
    MakeSlice,
    PlacedInstances,
    PlanCapacity,
)
from instar.domain.messages.os_upgrade import SliceOutcome
from instar.domain.records.quarantine import same
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from instar.store.store import Store

AT_ONCE = 100
"""Machines being made or deleted at the same time."""


@dataclass(frozen=True)
class CapacityActivities:
    """Making and deleting machines; done again it finds what is there and does the rest."""

    provider: Provider
    store: Store
    clock: Clock = utc_now

    @activity.defn
    async def plan_capacity(self, request: PlanCapacity) -> CapacityPlan:
        """What is too few or too many, on a fresh look: new machines on the newest version and model (P16).

        Ids of new machines are written down before any is asked for. Raises RecordsBehind where that tells that the
        records are older than the machines (F7): then none is made or deleted.
        """
        scale_set = request.scale_set
        document = await asyncio.to_thread(self.store.scale_sets.model, scale_set.unique_id, request.generation)
        model = ScaleSetModel.from_arm(document, request.generation)
        outdated = await outdated_generations(self.store, scale_set, request.quarantine, request.generation)
        async with translated(), beating():
            instances = await self.provider.list_instances(scale_set)
            await refuse_old_records(self.store, scale_set, instances)
            there = InstanceIds.of(instance.instance_id for instance in instances)
            plan = CapacityPlan(delete=request.reserved - there, outdated=outdated)
            # Another would be deleted in the place of each of them, and its data disks with it.
            instances = tuple(instance for instance in instances if instance.instance_id not in request.being_deleted)
            if len(instances) > model.capacity:
                return _scaled_in(plan, model, instances)
            if len(instances) == model.capacity:
                return plan
            excluded = request.quarantine.without_generations(outdated).excluded
            first = await self.provider.next_instance_id(scale_set)
        images = [one.os_disk.image for one in instances if one.os_disk]
        its_own = [image.version for image in images if image.line == model.image.line]
        plan = await self._scaled_out(plan, scale_set, model, excluded, its_own)
        if plan.error:
            return plan
        plan = _placed(plan, model, instances, max(first, _highest(request.reserved) + 1))
        await asyncio.to_thread(self.store.fleet_marks.reserve_ids, scale_set.unique_id, _highest(plan.create))
        return plan

    async def _scaled_out(
        self,
        plan: CapacityPlan,
        scale_set: ScaleSetIdentity,
        model: ScaleSetModel,
        excluded: tuple[str, ...],
        its_own: Collection[str],
    ) -> CapacityPlan:
        """What new machines are made from: the newest version that is not `excluded` (T5), and the newest model.

        A version that its rings keep back (W5) is used only where it is the set's own already (`its_own`), or where all
        are: no set stays without machines for that.
        """
        image = model.image
        if image.follows_latest:
            offered = await offered_versions(self.store, image, scale_set.location, self.clock())
            wanted = [one for one in offered if not any(same(one, other) for other in excluded)]
            by_rings = await offer(self.store, scale_set, image, wanted, there=its_own)
            version = by_rings.version or newest(wanted)
            if version is None:
                error = image.not_published_in(scale_set.location)
                if excluded:
                    error = (
                        f"no version of {image} is published in {scale_set.location} but what is quarantined here: "
                        f"{', '.join(excluded)}: publish a newer one, or lift the quarantine"
                    )
                return plan.model_copy(update={"error": error})
            image = image.at(version)
        unique_id = scale_set.unique_id
        seen = await asyncio.to_thread(self.store.scale_sets.machine_generation, unique_id, model.generation)
        return plan.model_copy(update={"image": image, "machine_generation": seen})

    @activity.defn
    async def make_instances(self, request: MakeSlice) -> SliceOutcome:
        """Make each machine of the slice; one whose id is or was in use is left as it is."""
        where = {one: placed.placement for placed in request.places for one in placed.ids}
        gate = asyncio.Semaphore(AT_ONCE)
        async with translated():
            model = await machine_model(self.store, request.scale_set, request.machine_generation)

            async def make(instance_id: str) -> None:
                async with gate:
                    placement = where.get(instance_id, Placement())
                    await self.provider.create_instance(request.scale_set, instance_id, request.image, model, placement)

            return await each(request.ids, make, self.provider, request.scale_set)

    @activity.defn
    async def delete_instances(self, request: DeleteSlice) -> SliceOutcome:
        """Delete each machine of the slice; one that never was is kept from coming to be."""
        gate = asyncio.Semaphore(AT_ONCE)
        async with translated():

            async def delete(instance_id: str) -> None:
                async with gate:
                    await self.provider.delete_instance(request.scale_set, instance_id)

            return await each(request.ids, delete, self.provider, request.scale_set)

    @activity.defn
    async def delete_set(self, request: DeleteSlice) -> None:
        """Delete every machine, those of `ids` that may still come to be too, then what is stored of the set."""
        async with translated(), beating():
            await self._delete(request.scale_set, request.ids)
            while instances := await self.provider.list_instances(request.scale_set):
                await self._delete(request.scale_set, [instance.instance_id for instance in instances])
        await asyncio.to_thread(self.store.scale_sets.delete, request.scale_set.unique_id)

    @activity.defn
    async def delete_scale_set(self, scale_set: ScaleSetIdentity) -> None:
        """The same, as a set of release 0.1 asks."""
        await self.delete_set(DeleteSlice(scale_set=scale_set, ids=InstanceIds()))

    @activity.defn
    async def apply_capacity(self, request: ApplyCapacity) -> CapacityApplied:
        """Plan and carry out in one go, as a set of release 0.1 asks."""
        plan = await self.plan_capacity(
            PlanCapacity(scale_set=request.scale_set, generation=request.generation, quarantine=request.quarantine)
        )
        scale_set = request.scale_set
        async with translated(), beating():
            await self._delete(scale_set, plan.delete)
            if plan.create:
                model = await machine_model(self.store, scale_set, plan.machine_generation)
                await settled(
                    self.provider.create_instance(scale_set, instance_id, plan.image, model, placed.placement)
                    for placed in plan.places
                    for instance_id in placed.ids
                )
        return CapacityApplied(
            created=len(plan.create), deleted=len(plan.delete), error=plan.error, outdated=plan.outdated
        )

    async def _delete(self, scale_set: ScaleSetIdentity, ids: Iterable[str]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def delete(instance_id: str) -> None:
            async with gate:
                await self.provider.delete_instance(scale_set, instance_id)

        await settled(delete(instance_id) for instance_id in dict.fromkeys(ids))


def _scaled_in(plan: CapacityPlan, model: ScaleSetModel, instances: tuple[Instance, ...]) -> CapacityPlan:
    """Who leaves, by the set's rule, never a protected one."""
    surplus = len(instances) - model.capacity
    ids = leaving(instances, surplus, model.scale_in)
    kept = surplus - len(ids)
    error = (
        f"{kept} instances more than the capacity of {model.capacity} are left: they are protected from scale-in. "
        "Lift that (PUT of each instance, properties.protectionPolicy), and send the capacity again"
        if kept
        else ""
    )
    return plan.model_copy(update={"delete": plan.delete | InstanceIds.of(ids), "error": error})


def _placed(plan: CapacityPlan, model: ScaleSetModel, instances: tuple[Instance, ...], first: int) -> CapacityPlan:
    """New ids from `first` on, over the zones and update domains, gathered by the place that each is given."""
    places = placements(instances, model.zones, model.capacity - len(instances))
    ordered = sorted(enumerate(places, first), key=lambda pair: (pair[1].zone, pair[1].update_domain))
    placed = tuple(
        PlacedInstances(
            zone=place.zone, update_domain=place.update_domain, ids=InstanceIds.of(str(number) for number, _ in pairs)
        )
        for place, pairs in groupby(ordered, key=lambda pair: pair[1])
    )
    create = InstanceIds.of(str(first + index) for index in range(len(places)))
    return plan.model_copy(update={"create": create, "places": placed})


def _highest(ids: InstanceIds) -> int:
    return max(ids.numbers(), default=-1)
