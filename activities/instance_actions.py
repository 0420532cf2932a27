"""What is asked of single instances: reimage, power, deletion, protection; slices of them, each instance by itself."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio import activity

from activities.attempts import each
from activities.disks import effect_of
from activities.heartbeats import beating
from activities.machine_models import machine_model
from activities.model_changes import model_change
from activities.records.records_age import refuse_old_records
from activities.translation import translated
from instar.compute.clock import Clock, utc_now
from instar.compute.errors import DiskNotMade, InstanceGone
from instar.compute.provider import MachineModel, Provider, Step
from instar.domain.decisions.instance_actions import chosen
from instar.domain.decisions.model_changes import is_on_model, kept_disks
from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance
from instar.domain.messages.instance_actions import ActionSlice, CapacityLowered, ChooseInstances, Chosen, LowerCapacity
from instar.domain.messages.os_upgrade import SliceOutcome
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.errors import Conflict, Missing
from instar.store.sets.stored_scale_set import StoredScaleSet
from instar.store.store import Store

Act = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class InstanceActionActivities:
    """Effects on machines. Every one may be done again: the compute looks before it acts (F2)."""

    provider: Provider
    store: Store
    clock: Clock = utc_now

    @activity.defn
    async def choose_instances(self, request: ChooseInstances) -> Chosen:
        """Whom the action concerns, on a fresh look at the set.

        Raises RecordsBehind (F7) for what acts by a number. A deletion or protection of instances that somebody names
        is his express wish, and says the same whatever the records know.
        """
        scale_set, action = request.scale_set, request.action
        async with translated(), beating():
            instances = await self.provider.list_instances(scale_set)
            if action.kind.numbered:
                await refuse_old_records(self.store, scale_set, instances)
        found = chosen(action, instances)
        if found.error:
            return found
        found = found.model_copy(update={"key": str(uuid.uuid4())})
        if action.kind is ActionKind.DELETE:
            stored = await asyncio.to_thread(self.store.scale_sets.by_unique_id, scale_set.unique_id)
            capacity = ScaleSetModel.from_arm(stored.document, stored.generation).capacity if stored else 0
            return found.model_copy(update={"capacity": capacity})
        if action.kind is not ActionKind.MANUAL_UPGRADE:
            return found
        wanted = [instance for instance in instances if instance.instance_id in found.ids]
        change, _ = await model_change(self.store, scale_set, wanted, self.clock())
        if change.plan is None:
            return Chosen(error=change.reason)
        changing = [one for one in wanted if not is_on_model(one, change.plan)]
        return found.model_copy(
            update={
                "plan": change.plan,
                "ids": InstanceIds.of(one.instance_id for one in changing),
                "keeps_disk": kept_disks(changing, change.plan),
            },
        )

    @activity.defn
    async def act_on_instances(self, request: ActionSlice) -> SliceOutcome:
        """Do to each instance of the slice what was asked."""
        async with translated():
            return await each(request.ids, await self._act(request), self.provider, request.scale_set)

    @activity.defn
    async def lower_capacity(self, request: LowerCapacity) -> CapacityLowered:
        """Let the set be as large as what is left of it, so that nothing that was deleted comes again."""
        unique_id = request.scale_set.unique_id
        while stored := await asyncio.to_thread(self.store.scale_sets.by_unique_id, unique_id):
            sku = stored.document.get("sku") or {}
            if stored.deleting or int(sku.get("capacity") or 0) != request.found:
                return _announcement(stored)
            document = stored.document | {"sku": sku | {"capacity": request.to}}
            try:
                stored = await asyncio.to_thread(
                    self.store.scale_sets.put_model, unique_id, document, stored.generation, self.clock()
                )
            except (Conflict, Missing):
                continue  # somebody else was faster: look again
            return _announcement(stored)
        return CapacityLowered()

    async def _act(self, request: ActionSlice) -> Act:
        scale_set, action = request.scale_set, request.action
        if power := action.kind.power:

            async def set_power(instance_id: str) -> None:
                await self.provider.set_power(effect_of(request, Step.POWER, instance_id), power)

            return set_power
        match action.kind:
            case ActionKind.REIMAGE:
                return await self._reimage(request)
            case ActionKind.DELETE:

                async def delete(instance_id: str) -> None:
                    await self.provider.delete_instance(scale_set, instance_id)

                return delete
            case ActionKind.PROTECT:
                wished = action.protection

                async def protect(instance_id: str) -> None:
                    await self.provider.protect(
                        scale_set, instance_id, from_actions=wished.from_actions, from_scale_in=wished.from_scale_in
                    )

                return protect
            case other:
                raise ValueError(f"'{other}' is not done instance by instance")

    async def _reimage(self, request: ActionSlice) -> Act:
        """A new OS disk of the same version, or of another one of the same image, with the instance's own model."""
        there = {instance.instance_id: instance for instance in await self.provider.list_instances(request.scale_set)}
        models: dict[int, MachineModel] = {}
        for generation in dict.fromkeys(there[one].generation for one in request.ids if one in there):
            models[generation] = await machine_model(self.store, request.scale_set, generation)

        async def reimage(instance_id: str) -> None:
            instance = _existing(there, instance_id)
            if instance.os_disk is None:
                raise DiskNotMade(f"instance {instance_id} has no OS disk that could be made anew")
            image = instance.os_disk.image
            image = image.at(request.action.exact_version) if request.action.exact_version else image
            await self.provider.swap_os_disk(
                effect_of(request, Step.SWAP, instance_id), image, models[instance.generation]
            )

        return reimage


def _announcement(stored: StoredScaleSet) -> CapacityLowered:
    policy = ScaleSetModel.from_arm(stored.document, stored.generation).upgrade_policy
    return CapacityLowered(
        generation=stored.generation,
        machine_generation=stored.machine_generation,
        mode=policy.mode,
        automatic=policy.automatic.enable_automatic_os_upgrade,
    )


def _existing(there: dict[str, Instance], instance_id: str) -> Instance:
    if instance_id not in there:
        raise InstanceGone(f"instance {instance_id} does not exist")
    return there[instance_id]
