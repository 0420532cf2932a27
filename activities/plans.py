"""The one place where it is decided what an upgrade is pinned to (docs/rules.md P1)."""

import asyncio
import uuid

from instar.domain.decisions.starts import plan_of
from instar.domain.images.images import ImageReference
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.sets.policies import StartedBy
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
    return plan_of(
        model,
        await asyncio.to_thread(health_source_of, store, model),
        target,
        started_by,
        auto_rollback=auto_rollback,
        kind=kind,
        any_version=any_version,
        left_behind=left_behind,
        rollout=rollout,
        wishes=wishes,
        key=str(uuid.uuid4()),
    )
