"""A start by hand with wishes: to which version it goes, for whom, and what it is pinned to (docs/rules.md C4, T4)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference, newest, version_key
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance
from instar.domain.records.progress import Outcome
from instar.domain.records.quarantine import Quarantine, same
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.sets.policies import StartedBy, UpgradeMode, policy_in_force
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.start_wishes import Limit, StartWishes

VERSIONS_SHOWN = 5
"""The newest of those on offer, for a sentence."""

FAILED = (Outcome.FAILED, Outcome.SICK_BEFORE, Outcome.ROLLED_BACK, Outcome.ROLLBACK_FAILED)
"""Those that an upgrade has left behind: what it counts as failed (P8, P13)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The version that a start would go to, or why it goes to none; `quarantined`: because that one is quarantined."""

    version: str = ""
    refusal: str = ""
    quarantined: bool = False


def version_asked(
    image: ImageReference, location: str, offered: Collection[str], wishes: StartWishes, quarantine: Quarantine
) -> Asked:
    """The version wished for, or the newest, of those that are `offered` in the set's region.

    A lower one too: T7 binds the platform alone. One that is named, and quarantined for the set, takes an override of
    that name; where none is named it is the newest, quarantined or not (T4): a person tries it again, or goes on with
    it after a cancel.

    >>> image = ImageReference(publisher="C", offer="W", sku="s", version="latest")
    >>> version_asked(image, "west", ["1.0", "1.2"], StartWishes(), Quarantine()).version
    '1.2'
    >>> version_asked(image, "west", ["1.0", "1.2"], StartWishes(version="1.00"), Quarantine()).version
    '1.0'
    >>> version_asked(image, "west", ["1.0", "1.2"], StartWishes(version="1.1"), Quarantine()).refusal
    'version 1.1 of C:W:s:latest is not on offer in west; the newest there are 1.2, 1.0'
    """
    version = newest(offered)
    if version is None:
        return Asked(refusal=image.not_published_in(location))
    if wishes.version:
        found = [one for one in offered if same(one, wishes.version)]
        if not found:
            known = sorted(offered, key=version_key, reverse=True)[:VERSIONS_SHOWN]
            return Asked(
                refusal=f"version {wishes.version} of {image} is not on offer in {location}; the newest there are "
                f"{', '.join(known)}"
            )
        version = found[0]
    entry = quarantine.of(version) if wishes.version else None
    if entry and not wishes.waives(Limit.QUARANTINE):
        return Asked(
            version=version,
            refusal=f"version {version} is quarantined since upgrade {entry.number} ({entry.reason}): name another "
            "version, or the override 'quarantine' to take it all the same",
            quarantined=True,
        )
    return Asked(version=version)


def unknown_instances(wishes: StartWishes, instances: Iterable[Instance], name: str) -> str:
    """That instances were named which the set does not have, as a sentence; empty if it has them all.

    >>> unknown_instances(StartWishes(instances=InstanceIds(ranges="7-9")), [], "web")
    "the scale set 'web' has no instance 7-9"
    """
    missing = wishes.instances - InstanceIds.of(one.instance_id for one in instances)
    return f"the scale set '{name}' has no instance {missing.ranges[:100]}" if missing else ""


def plan_of(
    model: ScaleSetModel,
    source: HealthSource,
    target: ImageReference,
    started_by: StartedBy,
    *,
    auto_rollback: bool,
    kind: UpgradeKind = UpgradeKind.OS_UPGRADE,
    any_version: bool = False,
    left_behind: InstanceIds | None = None,
    rollout: RolloutPolicy | None = None,
    wishes: StartWishes | None = None,
    key: str = "",
) -> UpgradePlan:
    """What an upgrade is pinned to by a model (P1). What does not follow from it is told by name.

    `key`: drawn for one that is to begin; "" for one that is only thought of.
    """
    policy = model.upgrade_policy
    return UpgradePlan(
        target=target,
        generation=model.generation,
        policy=policy_in_force(policy, started_by),
        manual_mode=policy.mode is UpgradeMode.MANUAL,
        health_source=source,
        by_update_domain=model.service_fabric is not None,
        auto_rollback=auto_rollback,
        kind=kind,
        any_version=any_version,
        left_behind=left_behind or InstanceIds(),
        rollout=rollout,
        wishes=wishes,
        key=key,
    )


def rolls_back(model: ScaleSetModel, started_by: StartedBy, wishes: StartWishes | None) -> bool:
    """Whether a machine that does not get healthy gets its previous disk back (P7, C4).

    By the platform, and where whoever started it with wishes did not say otherwise; a set that has it switched off has
    it off. Azure's own start by hand never does.
    """
    asked = started_by is StartedBy.PLATFORM if wishes is None else wishes.rolls_back
    return asked and not model.upgrade_policy.automatic.disable_automatic_rollback
