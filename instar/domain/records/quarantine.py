"""Versions that a set does not take by itself any more, and instances that one version did not suit (docs/rules.md T5).

What ends it: a newer version is tried whatever is quarantined; a start by hand that succeeds, a changed model and
lifting by hand take the entry away.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict

from instar.domain.images.images import version_key
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.policies import StartedBy

VERSIONS_KEPT = 50
"""The newest of them: more than four years of monthly versions, all of them bad."""

REASON_AT_MOST = 300
"""Characters: it travels with each look."""

IMAGES_FAULT = (ErrorCode.UNHEALTHY_UPGRADED, ErrorCode.IMAGE_UNUSABLE)
"""Ends by P9 and P19."""


class QuarantinedVersion(BaseModel):
    """A version, and the upgrade of this set that ended badly with it: when, which one, on which model, and why."""

    model_config = ConfigDict(frozen=True)

    version: str
    since: datetime
    number: int
    generation: int
    reason: str


class LeftBehind(BaseModel):
    """Instances that an upgrade to this version could not keep there: rolled back, or their disk was not made."""

    model_config = ConfigDict(frozen=True)

    version: str
    generation: int
    ids: InstanceIds


class EndOfUpgrade(BaseModel):
    """What an upgrade's end says of its version."""

    model_config = ConfigDict(frozen=True)

    version: str
    number: int
    generation: int
    started_by: StartedBy
    status: UpgradeStatus
    error_code: str = ""
    reason: str = ""
    at: datetime
    left_behind: InstanceIds = InstanceIds()
    instances: InstanceIds = InstanceIds()
    """Those that it was for (C4); nobody: all."""

    @property
    def speaks_against_the_version(self) -> bool:
        """Ended by P9 or P19, or cancelled."""
        return self.status is UpgradeStatus.CANCELLED or self.error_code in IMAGES_FAULT


class Quarantine(BaseModel):
    """All of that for one set, the newest versions last."""

    model_config = ConfigDict(frozen=True)

    versions: tuple[QuarantinedVersion, ...] = ()
    left_behind: tuple[LeftBehind, ...] = ()

    @property
    def excluded(self) -> tuple[str, ...]:
        """Versions that are offered neither to the set nor to its new instances by themselves."""
        return tuple(version.version for version in self.versions)

    @property
    def generations(self) -> tuple[int, ...]:
        """Model generations on which something went wrong, each once."""
        on_versions = (version.generation for version in self.versions)
        return tuple(sorted({*on_versions, *(entry.generation for entry in self.left_behind)}))

    def of(self, version: str) -> QuarantinedVersion | None:
        """Why that version is quarantined; None if it is not."""
        return next((entry for entry in self.versions if same(entry.version, version)), None)

    def behind(self, version: str) -> InstanceIds:
        """The instances that are not offered that version again by themselves."""
        return next((entry.ids for entry in self.left_behind if same(entry.version, version)), InstanceIds())

    def without(self, version: str) -> Self:
        """The same without a word about that version: lifted."""
        return self.model_copy(
            update={
                "versions": tuple(one for one in self.versions if not same(one.version, version)),
                "left_behind": tuple(entry for entry in self.left_behind if not same(entry.version, version)),
            }
        )

    def without_generations(self, generations: Iterable[int]) -> Self:
        """The same without what went wrong on those model generations: their machines were other ones."""
        gone = tuple(generations)
        return self.model_copy(
            update={
                "versions": tuple(version for version in self.versions if version.generation not in gone),
                "left_behind": tuple(entry for entry in self.left_behind if entry.generation not in gone),
            }
        )

    def left(self, versions: Iterable[str], number: int, generation: int, reason: str, at: datetime) -> Self:
        """The same after a rollback of that number has left these versions: nobody is to take them again by itself."""
        result = self
        for version in versions:
            left = QuarantinedVersion(
                version=version, since=at, number=number, generation=generation, reason=reason[:REASON_AT_MOST]
            )
            others = tuple(one for one in result.versions if not same(one.version, version))
            result = result.model_copy(update={"versions": _newest((*others, left))})
        return result

    def after(self, end: EndOfUpgrade) -> Self:
        """What is known after one more upgrade came to its end. P2, P3 and a termination say nothing of the image."""
        entry, ids = self.of(end.version), self.behind(end.version)
        if end.speaks_against_the_version:
            entry = QuarantinedVersion(
                version=end.version,
                since=end.at,
                number=end.number,
                generation=end.generation,
                reason=end.reason[:REASON_AT_MOST],
            )
        elif end.status is UpgradeStatus.COMPLETED and end.instances:
            # A few machines that a person chose say nothing of the others: the set takes it no more than before.
            ids = ids - end.instances
        elif end.status is UpgradeStatus.COMPLETED:
            entry = None
            if end.started_by is StartedBy.USER:
                # It was offered to everybody anew.
                ids = InstanceIds()
        ids = ids | end.left_behind
        others = self.without(end.version)
        versions = others.versions if entry is None else _newest((*others.versions, entry))
        left = LeftBehind(version=end.version, generation=end.generation, ids=ids)
        behind = _newest((*others.left_behind, left)) if ids else others.left_behind
        return self.model_copy(update={"versions": versions, "left_behind": behind})


def same(version: str, other: str) -> bool:
    """Whether both name one version: 1.02 is 1.2 (I1)."""
    return version_key(version) == version_key(other)


Entry = TypeVar("Entry", QuarantinedVersion, LeftBehind)


def _newest(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda one: version_key(one.version)))[-VERSIONS_KEPT:]
