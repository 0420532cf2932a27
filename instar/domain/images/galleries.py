"""Versions of gallery images: what is published where, and when a copy is there (docs/rules.md I2, P19).

A version is copied to each of its target regions some time after it is published. When a copy is due is fixed at that
moment and kept in the version's document, under `instar`, which no client sees: so where replication stands is a
function of the document and the time, and nobody has to be awake for it to come to its end.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter

from instar.domain.images.regions import display_name, region_name

Json = dict[str, Any]

GALLERY = "Microsoft.Compute/galleries"
IMAGE = "Microsoft.Compute/galleries/images"
VERSION = "Microsoft.Compute/galleries/images/versions"

KEPT = "instar"
"""Where a version's document holds what is Instar's own."""

NEARLY = 99
"""Percent: the most that a copy which is not complete shows."""


class ReplicaState(StrEnum):
    """Where the copy of a version in one region stands, as ARM spells it."""

    REPLICATING = "Replicating"
    COMPLETED = "Completed"
    FAILED = "Failed"


class Replica(BaseModel):
    """The copy of a version in one region: begun at `since`, there at `due`, if nothing holds it or makes it fail."""

    model_config = ConfigDict(frozen=True)

    since: AwareDatetime
    due: AwareDatetime
    stopped_at: AwareDatetime | None = None
    """Since when it makes no progress: it is held, or has failed."""
    failure: str = ""
    """Why it failed."""

    def state(self, now: datetime) -> ReplicaState:
        """Where it stands at that moment."""
        if self.failure:
            return ReplicaState.FAILED
        if self.stopped_at is not None or now < self.due:
            return ReplicaState.REPLICATING
        return ReplicaState.COMPLETED

    def progress(self, now: datetime) -> int:
        """Percent copied; 100 only of a complete one."""
        if self.state(now) is ReplicaState.COMPLETED:
            return 100
        done, whole = (self.stopped_at or now) - self.since, self.due - self.since
        return NEARLY if done >= whole else max(0, int(100 * (done / whole)))


@dataclass(frozen=True, slots=True)
class RegionStatus:
    """Where replication to one region stands; `region` is its display name, `details` says why it failed."""

    region: str
    state: ReplicaState
    progress: int
    details: str


IMAGE_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/(?P<group>[^/]+)/providers/(?P<path>Microsoft\.Compute/galleries/[^/]+/images/[^/]+)",
    re.IGNORECASE,
)

_REPLICAS = TypeAdapter(dict[str, Replica])


def replicas(document: Json) -> dict[str, Replica]:
    """The copies of a version by the name of their region, in the order of its target regions."""
    return _REPLICAS.validate_python((document.get(KEPT) or {}).get("replicas") or {})


def with_replicas(document: Json, copies: Mapping[str, Replica]) -> Json:
    """The document with these copies written down."""
    kept = {name: copy.model_dump(mode="json", exclude_defaults=True) for name, copy in copies.items()}
    return document | {KEPT: (document.get(KEPT) or {}) | {"replicas": kept}}


def without_kept(document: Json) -> Json:
    """The document as its owner knows it."""
    return {name: value for name, value in document.items() if name != KEPT}


def begun(before: Mapping[str, Replica], regions: Iterable[str], now: datetime, delay: timedelta) -> dict[str, Replica]:
    """The copies once a version is to be in `regions`: those that are there stay, new and failed ones begin now."""
    kept = {name: copy for name, copy in before.items() if not copy.failure}
    return {name: kept.get(name) or Replica(since=now, due=now + delay) for name in map(region_name, regions)}


def replication(document: Json, now: datetime) -> tuple[RegionStatus, ...]:
    """Where replication stands in each target region."""
    return tuple(
        RegionStatus(display_name(name), one.state(now), one.progress(now), one.failure)
        for name, one in replicas(document).items()
    )


def aggregated_state(document: Json, now: datetime) -> str:
    """`replicationStatus.aggregatedState`: InProgress, Completed or Failed."""
    states = [replica.state(now) for replica in replicas(document).values()]
    if ReplicaState.REPLICATING in states:
        return "InProgress"
    return ReplicaState.FAILED.value if ReplicaState.FAILED in states else ReplicaState.COMPLETED.value


def provisioning_state(document: Json, published_at: datetime, now: datetime) -> str:
    """Creating while the first copies are made, Updating while later ones are, then Succeeded or Failed."""
    running = [replica for replica in replicas(document).values() if replica.state(now) is ReplicaState.REPLICATING]
    if running:
        return "Creating" if all(one.since <= published_at for one in running) else "Updating"
    return "Failed" if aggregated_state(document, now) == ReplicaState.FAILED else "Succeeded"


def settled_at(document: Json, now: datetime) -> datetime | None:
    """When replication came to its end in every region, well or badly; None while it runs."""
    copies = replicas(document).values()
    if any(copy.state(now) is ReplicaState.REPLICATING for copy in copies):
        return None
    return max((copy.stopped_at or copy.due for copy in copies), default=now)


def not_offered(document: Json, region: str, now: datetime) -> str:
    """Why `latest` does not mean this version in a region, as half a sentence; empty if it may (I2).

    Its `endOfLifeDate` is no reason: Azure, too, only tells it.
    """
    profile = (document.get("properties") or {}).get("publishingProfile") or {}
    if profile.get("excludeFromLatest"):
        return "it is excluded from latest"
    name = region_name(region)
    targets = {region_name(one["name"]): one for one in profile.get("targetRegions") or ()}
    if (targets.get(name) or {}).get("excludeFromLatest"):
        return f"it is excluded from latest in {display_name(name)}"
    return not_replicated(document, region, now)


def not_replicated(document: Json, region: str, now: datetime) -> str:
    """Why there is no complete copy of this version in a region, as half a sentence; empty if there is one."""
    name = region_name(region)
    copy = replicas(document).get(name)
    if copy is None:
        return f"{display_name(name)} is not among its target regions"
    match copy.state(now):
        case ReplicaState.FAILED:
            return f"its replication to {display_name(name)} failed: {copy.failure}"
        case ReplicaState.REPLICATING:
            return f"its replication to {display_name(name)} is not complete ({copy.progress(now)} %)"
        case ReplicaState.COMPLETED:
            return ""


def offered_versions(versions: Mapping[str, Json], region: str, now: datetime) -> list[str]:
    """Those of an image's versions that `latest` may mean in a region (I2)."""
    return [name for name, document in versions.items() if not not_offered(document, region, now)]
