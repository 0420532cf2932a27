"""What an upgrade is pinned to from its start to its end (docs/rules.md P1)."""

from typing import Annotated

from pydantic import Field

from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.message import Message
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.records.way_back import GoingBack, WayBack
from instar.domain.sets.policies import RollingUpgradePolicy
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.start_wishes import Limit, StartWishes


class UpgradePlan(Message):
    """What an upgrade is pinned to when it starts (P1)."""

    target: ImageReference
    generation: int
    """The machine part that instances get: the oldest generation that says the same to machines as the newest."""
    policy: RollingUpgradePolicy
    auto_rollback: bool
    manual_mode: bool
    health_source: HealthSource
    by_update_domain: bool = False
    """A Service Fabric set: update domain by update domain (B7)."""
    kind: UpgradeKind = UpgradeKind.OS_UPGRADE
    any_version: bool = False
    """A model change whose model follows `latest`: an instance on whatever version of the image keeps its disk."""
    left_behind: InstanceIds = InstanceIds()
    """Instances that an earlier upgrade to this version could not keep there: not offered it by the platform (T5)."""
    rollout: Annotated[RolloutPolicy | None, Field(exclude_if=lambda value: value is None)] = None
    """The rollout policy in force at the start: the set's own, else the default. Not written where there is none."""
    wishes: Annotated[StartWishes | None, Field(exclude_if=lambda value: value is None)] = None
    """What whoever started it wished beyond that (C4, R2). Not written where there is nothing."""
    way_back: Annotated[WayBack | None, Field(exclude_if=lambda value: value is None)] = None
    """Of a rollback: what each machine goes back to (R2). `target` is where most of them go."""
    key: str = ""
    """Drawn where the plan was made, outside of any workflow: one that is put back from a backup draws the same again,
    this differs (F7)."""

    @property
    def waived(self) -> tuple[Limit, ...]:
        """The limits that whoever started it has waived by name (C4), or that a revert waives (C5)."""
        return self.wishes.waived if self.wishes else ()

    def of_machines(self) -> "UpgradePlan":
        """What of it is done to machines, for each of the activities that do it: without what may name many of them."""
        nobody = {"left_behind": InstanceIds(), "rollout": None, "wishes": None, "way_back": None}
        return self.model_copy(update=nobody)

    def part(self, part: GoingBack) -> "UpgradePlan":
        """What machines of a rollback are pinned to that get a newly made disk."""
        return self.model_copy(update={"target": part.image, "generation": part.generation, "way_back": None})
