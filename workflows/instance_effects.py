"""What one operation does to instances: disks, models, and what was asked of them one by one (P4, P7)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from temporalio import workflow

from activities.capacity import CapacityActivities
from activities.disks import DiskActivities
from activities.instance_actions import InstanceActionActivities
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.capacity import CapacityPlan, DeleteSlice, MakeSlice
from instar.domain.messages.instance_actions import ActionSlice, InstanceAction
from instar.domain.messages.os_upgrade import GiveBackSlice, RestoreSlice, SliceOutcome, SwapSlice
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.way_back import GoingBack, WayBack
from instar.domain.sets.names import COMPUTE_QUEUE
from instar.domain.sets.scale_sets import ScaleSetIdentity
from workflows import options
from workflows.rows import Row, Start, carry_out, slices

Slice = SwapSlice | RestoreSlice | GiveBackSlice | ActionSlice | MakeSlice | DeleteSlice
Carry = Callable[[InstanceIds, Start], Awaitable[SliceOutcome]]
"""How rows are begun, waited for, and cut short."""
Slicing = Callable[[InstanceIds], tuple[InstanceIds, ...]]
"""Who is in one activity."""


class InstanceEffects:
    """Each instance by itself, all at once (F2); `number` is 0 for what has none, `key` was drawn with it (F7).

    `interruptions`: how often the same was begun before and cut short. `to_be_done`: what of a plan its rows are given.
    """

    def __init__(
        self,
        scale_set: ScaleSetIdentity,
        number: int = 0,
        *,
        key: str = "",
        carry: Carry | None = None,
        slicing: Slicing = slices,
        to_be_done: Callable[[UpgradePlan], UpgradePlan] = lambda plan: plan,
        interruptions: int = 0,
    ) -> None:
        self._scale_set = scale_set
        self._number = number
        self._key = key
        self._interruptions = interruptions
        self._slices = slicing
        self._to_be_done = to_be_done
        self._carry: Carry = carry or _to_the_end

    async def bring(self, plan: UpgradePlan, ids: InstanceIds, keeps_disk: InstanceIds, batch: int = 0) -> SliceOutcome:
        """The pinned model for all of them, on a disk of the pinned version but for those that keep theirs.

        In a rollback each gets the disk that it goes back to. `not_begun` in the outcome are those that a cancel kept
        from it.
        """
        if plan.way_back is not None:
            return await self._bring_back(plan, plan.way_back, ids, batch)
        swap, apply = f"swap OS disk of {{}} to {plan.target.version}", f"model generation {plan.generation} for {{}}"

        def start(some: InstanceIds, begin: bool) -> list[Row]:  # noqa: FBT001  # as `Start` says
            swapping = self._swap_slices(plan, some - keeps_disk, batch, begin=begin)
            applying = self._swap_slices(plan, some & keeps_disk, batch, begin=begin)
            return [
                *_begun(DiskActivities.swap_os_disks, swapping, _words(swap, begin=begin)),
                *_begun(DiskActivities.apply_models, applying, _words(apply, begin=begin)),
            ]

        return await self._carry(ids, start)

    async def _bring_back(self, plan: UpgradePlan, way: WayBack, ids: InstanceIds, batch: int) -> SliceOutcome:
        """The disk that is kept for each, or a newly made one of that version (R2)."""

        def start(some: InstanceIds, begin: bool) -> list[Row]:  # noqa: FBT001  # as `Start` says
            rows: list[Row] = []
            for part in way.parts:
                mine = part.ids & some
                if part.newly_made:
                    summary = f"swap OS disk of {{}} to {part.image.version}, which they go back to"
                    slices_ = self._swap_slices(plan.part(part), mine, batch, begin=begin)
                    rows += _begun(DiskActivities.swap_os_disks, slices_, _words(summary, begin=begin))
                else:
                    summary = f"give {{}} back the kept OS disk of {part.image.version}"
                    parts = self._give_back_slices(part, mine, batch, begin=begin)
                    rows += _begun(DiskActivities.give_back_os_disks, parts, _words(summary, begin=begin))
            return rows

        return await self._carry(ids, start)

    async def restore(self, plan: UpgradePlan, ids: InstanceIds, batch: int) -> SliceOutcome:
        """Previous disks back (P7); `not_begun` as for `bring`."""

        def start(some: InstanceIds, begin: bool) -> list[Row]:  # noqa: FBT001  # as `Start` says
            parts = [
                RestoreSlice(
                    scale_set=self._scale_set,
                    number=self._number,
                    batch=batch,
                    plan=self._to_be_done(plan),
                    ids=slice_,
                    begin=begin,
                    key=self._key,
                )
                for slice_ in self._slices(some)
            ]
            summary = _words("restore the previous OS disk of {}", begin=begin)
            return _begun(DiskActivities.restore_os_disks, parts, summary)

        return await self._carry(ids, start)

    async def act(self, action: InstanceAction, ids: InstanceIds) -> SliceOutcome:
        """What was asked of instances one by one."""

        def start(some: InstanceIds, _begin: bool) -> list[Row]:  # noqa: FBT001  # as `Start` says
            parts = [
                ActionSlice(
                    scale_set=self._scale_set,
                    number=self._number,
                    action=action,
                    ids=slice_,
                    key=self._key,
                    interruptions=self._interruptions,
                )
                for slice_ in self._slices(some)
            ]
            return _begun(InstanceActionActivities.act_on_instances, parts, f"{action.kind} {{}}")

        return await self._carry(ids, start)

    async def make(self, plan: CapacityPlan) -> SliceOutcome:
        """The machines that a plan names."""

        def start(some: InstanceIds, _begin: bool) -> list[Row]:  # noqa: FBT001  # as `Start` says
            parts = [
                MakeSlice(
                    scale_set=self._scale_set,
                    image=plan.image,
                    machine_generation=plan.machine_generation,
                    places=plan.places_of(slice_),
                    ids=slice_,
                )
                for slice_ in self._slices(some)
            ]
            return _begun(CapacityActivities.make_instances, parts, f"make {{}} from {plan.image.version}")

        return await self._carry(plan.create, start)

    async def delete(self, ids: InstanceIds) -> SliceOutcome:
        """Machines that are too many, with their disks."""

        def start(some: InstanceIds, _begin: bool) -> list[Row]:  # noqa: FBT001  # as `Start` says
            parts = [DeleteSlice(scale_set=self._scale_set, ids=slice_) for slice_ in self._slices(some)]
            return _begun(CapacityActivities.delete_instances, parts, "delete {}")

        return await self._carry(ids, start)

    def _give_back_slices(self, part: GoingBack, ids: InstanceIds, batch: int, *, begin: bool) -> list[GiveBackSlice]:
        return [
            GiveBackSlice(
                scale_set=self._scale_set,
                number=self._number,
                batch=batch,
                image=part.image,
                generation=part.generation,
                ids=one,
                begin=begin,
                key=self._key,
            )
            for one in self._slices(ids)
        ]

    def _swap_slices(self, plan: UpgradePlan, ids: InstanceIds, batch: int, *, begin: bool) -> list[SwapSlice]:
        return [
            SwapSlice(
                scale_set=self._scale_set,
                number=self._number,
                batch=batch,
                plan=self._to_be_done(plan),
                ids=one,
                begin=begin,
                key=self._key,
                interruptions=self._interruptions,
            )
            for one in self._slices(ids)
        ]


async def _to_the_end(ids: InstanceIds, start: Start) -> SliceOutcome:
    return await carry_out(ids, start, lambda: False)


def _begun(effect: Callable[[Any, Any], Awaitable[SliceOutcome]], parts: Sequence[Slice], summary: str) -> list[Row]:
    return [
        (
            part.ids,
            workflow.start_activity_method(
                effect,
                part,
                task_queue=COMPUTE_QUEUE,
                summary=summary.format(part.ids.ranges[:100]),
                **options.DISKS,
            ),
        )
        for part in parts
    ]


def _words(summary: str, *, begin: bool) -> str:
    return summary if begin else f"cancelled; end what was begun: {summary}"
