"""What each machine of a set could go back to (docs/rules.md R1, R2).

The disk that a machine had before is the one that was put aside by the operation that made its present one. So a disk
that failed, or that a rollback left, is never what is gone back to unless its version is named.
"""

from collections.abc import Iterable, Sequence

from instar.domain.decisions.enrolment import NOT_NAMED
from instar.domain.decisions.starts import plan_of
from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference, is_exact
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance, OsDisk
from instar.domain.machines.versions_stayed_on import stayed_on
from instar.domain.records.quarantine import Quarantine, same
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.records.way_back import GoingBack, WayBack
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.start_wishes import StartWishes

NO_DISK = "it has no OS disk"
NOTHING_KEPT = "no disk of an earlier version is kept for it"
NO_ONE_VERSION = f"{NOTHING_KEPT}, and the others go back to different ones: name one (toVersion)"
NOBODY_LEAVES = f"{NOTHING_KEPT}, and nobody leaves the version that it is on"
NOT_MOVED = "the upgrade did not move it to another disk"


def before(instance: Instance, key: str) -> OsDisk | None:
    """The disk that it had until that operation gave it another one; None: it did not, or the disk is kept no more."""
    return next(
        (disk for disk in instance.previous_os_disks if key and disk.replaced_by == key and disk.made_by != key), None
    )


def previous(instance: Instance, quarantine: Quarantine) -> OsDisk | None:
    """The newest disk that it had before, of another version than it is on, and of none that is quarantined (T5)."""
    disk, present = instance.os_disk, instance.os_disk
    for _ in instance.previous_os_disks:
        disk = before(instance, disk.made_by) if disk else None
        if disk is None or present is None:
            return None
        if not disk.image.same_as(present.image) and not quarantine.of(disk.image.version):
            return disk
    return None


def of_version(instance: Instance, version: str) -> OsDisk | None:
    """The disk of that version which was put aside last."""
    return next((disk for disk in instance.previous_os_disks if _is_at(disk, version)), None)


def way_back(
    instances: Sequence[Instance], wishes: StartWishes, image: ImageReference, generation: int, quarantine: Quarantine
) -> WayBack:
    """Who goes where. `image` and `generation` are the newest model's: of these disks are newly made.

    Whether a version of which disks are newly made can still be had is for whoever knows the catalogue.
    """
    named = _members(wishes.instances)
    asked = [one for one in instances if not named or one.instance_id in named]
    found = _Found({NOT_NAMED: [one.instance_id for one in instances if named and one.instance_id not in named]})
    if wishes.undoes:
        _undone(found, asked, wishes.undoes)
    elif wishes.version:
        _to_one_version(found, asked, image.at(wishes.version), generation)
    else:
        _to_what_each_had(found, asked, quarantine, generation, named=bool(named))
    return found.way()


def nobody_goes(way: WayBack, instances: Sequence[Instance], wishes: StartWishes) -> str:
    """Why a rollback has nothing to do, as a sentence; empty if it has. Protected instances are left out of it (B6)."""
    there = frozenset(one.instance_id for one in instances)
    if unknown := InstanceIds.of(one for one in wishes.instances if one not in there):
        return f"instances that do not exist (any more): {unknown.ranges[:200]}"
    protected = InstanceIds.of(one.instance_id for one in instances if one.protected)
    if way.ids - protected:
        return ""
    told = [way.sentence or "the scale set has no instances"]
    if way.ids:
        told.append("all that could go are protected from scale-set actions (protectFromScaleSetActions)")
    if NOTHING_KEPT in way.left_out and not wishes.version:
        told.append("name a version to go back to (toVersion)")
    return f"nothing to go back to: {'; '.join(told)}"


def plan_back(
    model: ScaleSetModel,
    source: HealthSource,
    way: WayBack,
    instances: Iterable[Instance],
    started_by: StartedBy,
    *,
    rollout: RolloutPolicy | None,
    wishes: StartWishes,
    key: str = "",
) -> UpgradePlan:
    """What a rollback is pinned to; of one in which somebody goes. `key`: "" for one that is only thought of (C3)."""
    plan = plan_of(
        model,
        source,
        way.target,
        started_by,
        auto_rollback=False,
        kind=UpgradeKind.ROLLBACK,
        rollout=rollout,
        wishes=wishes,
        key=key,
    )
    left = way.model_copy(update={"leaves": left_versions(way, instances)})
    return plan.model_copy(update={"way_back": left})


class _Found:
    """Gathers who goes where."""

    def __init__(self, left_out: dict[str, list[str]]) -> None:
        self.left_out = left_out
        self.there: list[str] = []
        self._goes: dict[tuple[ImageReference, int, bool], list[str]] = {}

    def goes(self, instance: Instance, image: ImageReference, generation: int, *, newly_made: bool = False) -> None:
        self._goes.setdefault((image, generation, newly_made), []).append(instance.instance_id)

    def stays(self, instance: Instance, why: str) -> None:
        self.left_out.setdefault(why, []).append(instance.instance_id)

    def way(self) -> WayBack:
        parts = tuple(
            GoingBack(image=image, generation=generation, ids=InstanceIds.of(ids), newly_made=newly_made)
            for (image, generation, newly_made), ids in self._goes.items()
        )
        return WayBack(
            parts=parts,
            there=InstanceIds.of(self.there),
            left_out={why: InstanceIds.of(ids) for why, ids in self.left_out.items() if ids},
        )


def left_versions(way: WayBack, instances: Iterable[Instance]) -> tuple[str, ...]:
    """The versions that those who go are on, but for those on which somebody is to be."""
    goes, there = _members(way.ids), _members(way.there)
    targets = [part.image for part in way.parts]
    disks = [(one.instance_id, one.os_disk) for one in instances if one.os_disk is not None]
    targets += [disk.image for instance_id, disk in disks if instance_id in there]
    images = [disk.image for instance_id, disk in disks if instance_id in goes]
    left = [one.version for one in images if is_exact(one.version) and not any(one.same_as(to) for to in targets)]
    return tuple(dict.fromkeys(left))


def _undone(found: _Found, asked: Iterable[Instance], key: str) -> None:
    for instance in asked:
        disk = before(instance, key)
        if disk is None:
            found.stays(instance, NOT_MOVED)
        else:
            found.goes(instance, disk.image, disk.generation)


def _to_one_version(found: _Found, asked: Iterable[Instance], image: ImageReference, generation: int) -> None:
    for instance in asked:
        if instance.os_disk is None:
            found.stays(instance, NO_DISK)
        elif _is_at(instance.os_disk, image.version):
            found.there.append(instance.instance_id)
        elif disk := of_version(instance, image.version):
            found.goes(instance, disk.image, disk.generation)
        else:
            found.goes(instance, image, generation, newly_made=True)


def _to_what_each_had(
    found: _Found, asked: Sequence[Instance], quarantine: Quarantine, generation: int, *, named: bool
) -> None:
    """Whoever is where others go back to stays there, unless it was named: an upgrade that stopped is undone."""
    had = {one.instance_id: disk for one in asked if (disk := previous(one, quarantine))}
    stays = () if named else stayed_on(asked, had)
    left = []
    rest = []
    targets: list[ImageReference] = []
    for instance in asked:
        disk = had.get(instance.instance_id)
        if instance.os_disk is None:
            found.stays(instance, NO_DISK)
        elif any(instance.os_disk.image.same_as(one) for one in stays):
            found.there.append(instance.instance_id)
        elif disk:
            left.append(instance.os_disk.image)
            targets.append(disk.image)
            found.goes(instance, disk.image, disk.generation)
        else:
            rest.append((instance, instance.os_disk))
    targets = list(dict.fromkeys(targets))
    left = list(dict.fromkeys(left))
    for instance, disk in rest:
        if not targets:
            found.stays(instance, NOTHING_KEPT)
        elif any(disk.image.same_as(target) for target in targets):
            found.there.append(instance.instance_id)
        elif not any(disk.image.same_as(one) for one in left):
            found.stays(instance, NOBODY_LEAVES)
        elif len(targets) > 1:
            found.stays(instance, NO_ONE_VERSION)
        else:
            found.goes(instance, targets[0], generation, newly_made=True)


def _is_at(disk: OsDisk, version: str) -> bool:
    if is_exact(disk.image.version) and is_exact(version):
        return same(disk.image.version, version)
    return disk.image.version.lower() == version.lower()


def _members(ids: InstanceIds) -> frozenset[str]:
    return frozenset(ids)
