"""What each machine of a rollback goes back to: found out at its start, and pinned there (docs/rules.md R2, P1)."""

from typing import Self

from pydantic import Field

from instar.domain.images.images import ImageReference, version_key
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance
from instar.domain.message import Message


class GoingBack(Message):
    """Machines that go back to the same."""

    image: ImageReference
    """One exact version."""
    generation: int
    """The model generation that they go back to with it."""
    ids: InstanceIds
    newly_made: bool = False
    """No disk of that version is kept for them: they get a new one."""

    @property
    def sentence(self) -> str:
        """Who goes where (P17).

        >>> GoingBack(image=ImageReference(version="1.0"), generation=2, ids=InstanceIds(ranges="0-3")).sentence
        '4 go back to 1.0 (0-3)'
        """
        how = ", on a newly made disk" if self.newly_made else ""
        return f"{len(self.ids)} go back to {self.image.version}{how} ({self.ids.ranges[:100]})"


class WayBack(Message):
    """All of that for one rollback."""

    parts: tuple[GoingBack, ...] = ()
    there: InstanceIds = InstanceIds()
    """Those that are where others go back to."""
    left_out: dict[str, InstanceIds] = Field(default_factory=dict)
    """Who goes nowhere, by the reason."""
    leaves: tuple[str, ...] = ()
    """The versions that are left: they are quarantined (T5)."""

    @property
    def ids(self) -> InstanceIds:
        """Everybody who goes."""
        result = InstanceIds()
        for part in self.parts:
            result = result | part.ids
        return result

    @property
    def target(self) -> ImageReference:
        """Where most of them go; of two that are as many, the higher version."""
        return max(self.parts, key=lambda part: (len(part.ids), version_key(part.image.version))).image

    @property
    def is_one(self) -> bool:
        """Whether all go to the same version."""
        return all(part.image.same_as(self.target) for part in self.parts)

    def of(self, instance_id: str) -> GoingBack | None:
        """What that machine goes back to; None: nothing."""
        return next((part for part in self.parts if instance_id in part.ids), None)

    def is_back(self, instance: Instance) -> bool:
        """Whether a machine is where it is to be (P12)."""
        part, disk = self.of(instance.instance_id), instance.os_disk
        if part is None:
            return instance.instance_id in self.there
        return disk is not None and disk.image.same_as(part.image) and disk.generation == part.generation

    def why_left_out(self, instance_id: str) -> str:
        """Why a machine goes nowhere; "" if it goes, or is there."""
        return next((why for why, ids in self.left_out.items() if instance_id in ids), "")

    def without(self, part: GoingBack, why: str) -> Self:
        """The same, in which those of that part go nowhere."""
        left_out = self.left_out | {why: self.left_out.get(why, InstanceIds()) | part.ids}
        return self.model_copy(
            update={"parts": tuple(one for one in self.parts if one != part), "left_out": left_out},
        )

    @property
    def goes(self) -> str:
        """Who goes where, and whether not all go to the same (P17)."""
        told = [part.sentence for part in self.parts]
        return "; ".join(told if not told or self.is_one else ["not all to the same version", *told])

    @property
    def sentence(self) -> str:
        """What becomes of everybody (P17).

        >>> part = GoingBack(image=ImageReference(version="1.0"), generation=1, ids=InstanceIds(ranges="0-3"))
        >>> way = WayBack(parts=(part,), there=InstanceIds(ranges="4"), left_out={"busy": InstanceIds(ranges="5")})
        >>> way.sentence
        '4 go back to 1.0 (0-3); 1 there already; 1 left out: busy'
        """
        told = [self.goes] if self.parts else []
        if self.there:
            told.append(f"{len(self.there)} there already")
        told += [f"{len(ids)} left out: {why}" for why, ids in self.left_out.items()]
        return "; ".join(told)
