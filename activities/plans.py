"""The one place where it is decided what an upgrade is pinned to (docs/rules.md P1)."""

import asyncio
import uuid

from instar.domain.images.images import ImageReference
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.sets.policies import StartedBy, UpgradeMode, policy_in_force
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.start_wishes import StartWishes
from instar.store.health_sources import health_source_of
from instar.store.store import Store


async def plan_for(
    store: Store,
    model: ScaleSetModel,
    target: ImageReference,
    started_by: StartedBy,
    *,
    auto_rollback: bool,
    kind: UpgradeKind = UpgradeKind.OS_UPGRADE,
    any_version: bool = False,
    left_behind: InstanceIds | None = None,
    rollout: RolloutPolicy | None = None,
    wishes: StartWishes | None = None,
) -> UpgradePlan:
    """The plan that follows from a model, with a key of its own. What does not follow from it is told by name."""
    policy = model.upgrade_policy
    return UpgradePlan(
        target=target,
        generation=model.generation,
        policy=policy_in_force(policy, started_by),
        manual_mode=policy.mode is UpgradeMode.MANUAL,
        health_source=await asyncio.to_thread(health_source_of, store, model),
        by_update_domain=model.service_fabric is not None,
        auto_rollback=auto_rollback,
        kind=kind,
        any_version=any_version,
        left_behind=left_behind or InstanceIds(),
        rollout=rollout,
        wishes=wishes,
        key=str(uuid.uuid4()),
    )
