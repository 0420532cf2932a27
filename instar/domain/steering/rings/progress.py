"""How far a version has come in rings: judged anew with each look, from what was seen (docs/rules.md W5).

A set counts if it is there, has the image, and has machines. Each that counts must have completed with the version and
baked so long. One that cannot take it (no automatic upgrades, paused, faulted) counts all the same and is named: who
made the ring is to decide about it, and untested versions go nowhere meanwhile.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from instar.domain.steering.rings.plans import RingPlan


class Place(StrEnum):
    """Where a set is with one version."""

    ABSENT = "absent"
    """It is not there (any more)."""
    OTHER_IMAGE = "otherImage"
    EMPTY = "empty"
    """It has no machines."""
    WAITS = "waits"
    """It has not taken it."""
    UPGRADES = "upgrades"
    BAKES = "bakes"
    LEFT = "left"
    """It went on to another version before this one had baked."""
    DONE = "done"
    SICK = "sick"
    """It got sick while it baked. That is remembered as long as the version is."""
    QUARANTINED = "quarantined"


NOT_COUNTED = (Place.ABSENT, Place.OTHER_IMAGE, Place.EMPTY)
STOPS = (Place.SICK, Place.QUARANTINED)


class Seen(BaseModel):
    """What one look found of one set, with regard to one version."""

    model_config = ConfigDict(frozen=True)

    resource_id: str
    name: str
    ring: int
    unique_id: str = ""
    """Empty where the set is not there."""
    same_image: bool = True
    machines: int = 0
    runs: bool = False
    """An upgrade to the version runs."""
    completed_at: datetime | None = None
    """When its newest OS upgrade completed with the version; None where that was none, or to another one."""
    is_on_it: bool = False
    """All of its machines are on the version, by whatever way."""
    sick: str = ""
    """Why it is more unhealthy than its policy allows; a sentence."""
    quarantined: str = ""
    """Why the version is quarantined there; a sentence."""
    unseen: str = ""
    """Why its machines could not be looked at; half a sentence. Then nothing is said of them, and no bake ends."""
    hindered: str = ""
    """Why it does not take the version by itself; half a sentence."""


class Member(BaseModel):
    """Where one set is with a version, since when, until when it bakes, and why it is no further."""

    model_config = ConfigDict(frozen=True)

    resource_id: str
    name: str
    ring: int
    unique_id: str = ""
    place: Place
    since: datetime
    until: datetime | None = None
    why: str = ""


class VersionProgress(BaseModel):
    """How far one version of one image has come."""

    model_config = ConfigDict(frozen=True)

    image: str
    """The image without a version, for people."""
    line: tuple[str, ...]
    """The image, as `ImageReference.line` tells images apart."""
    version: str
    ring: int
    """The ring that it has reached, counted from 0; as many as there are rings: it is through."""
    since: datetime
    """When it reached that."""
    stopped: str = ""
    """Why it goes no further, as a sentence."""
    members: tuple[Member, ...] = ()

    def member(self, unique_id: str) -> Member | None:
        """Where a set is with it."""
        return next((one for one in self.members if unique_id and one.unique_id == unique_id), None)

    def of_ring(self, ring: int) -> tuple[Member, ...]:
        """The sets of a ring."""
        return tuple(one for one in self.members if one.ring == ring)


class RingProgress(BaseModel):
    """Of all versions that matter, by rings as they were written in the document with that tag."""

    model_config = ConfigDict(frozen=True)

    etag: str = ""
    versions: tuple[VersionProgress, ...] = ()

    def of(self, line: Sequence[str], version: str) -> VersionProgress | None:
        """How far one version has come."""
        return next((one for one in self.versions if (one.line, one.version) == (tuple(line), version)), None)


def judged(plan: RingPlan, version: VersionProgress, seen: Iterable[Seen], now: datetime) -> VersionProgress:
    """How far a version is now. `version`: what was known of it; of one that is new, without members."""
    members = tuple(_placed(plan, version, one, now) for one in seen)
    reached = 0
    while reached < len(plan.rings) and is_passed([one for one in members if one.ring == reached]):
        reached += 1
    stops = [one for one in members if one.place in STOPS]
    stopped = "; ".join(f"{one.place.value} in {one.name} ({one.why})" for one in stops)
    # Sick at the end of its ring's bake, it does not go on, and where it has come already it stays.
    reached = min(reached, version.ring) if stopped else reached
    since = version.since if reached == version.ring and version.members else now
    return version.model_copy(update={"members": members, "ring": reached, "stopped": stopped, "since": since})


def is_passed(members: Sequence[Member]) -> bool:
    """Whether a ring lets a version on: everyone who counts has done with it, and somebody counts."""
    counted = [one for one in members if one.place not in NOT_COUNTED]
    return bool(counted) and all(one.place is Place.DONE for one in counted)


def _placed(plan: RingPlan, version: VersionProgress, seen: Seen, now: datetime) -> Member:
    before = version.member(seen.unique_id)
    place, began, until, why = _place(plan, version, seen, before, now)
    since = before.since if before and before.place is place and began is None else began or now
    return Member(
        resource_id=seen.resource_id,
        name=seen.name,
        ring=seen.ring,
        unique_id=seen.unique_id,
        place=place,
        since=since,
        until=until,
        why=why,
    )


Placed = tuple[Place, datetime | None, datetime | None, str]
"""The place, since when where that is not now or as before, until when, why."""


def _place(plan: RingPlan, version: VersionProgress, seen: Seen, before: Member | None, now: datetime) -> Placed:
    was = before.place if before else None
    apart = _apart(seen)
    has_it = not seen.runs and not seen.unseen and (seen.completed_at is not None or seen.is_on_it)
    got_sick = has_it and seen.sick and version.ring <= seen.ring
    if before and was is Place.SICK:
        placed: Placed = (Place.SICK, before.since, None, before.why)
    elif apart:
        placed = apart
    elif before and was is Place.DONE and not got_sick:
        # Baked once is baked: it may have gone on to a newer version since.
        placed = (Place.DONE, before.since, None, "")
    elif has_it:
        placed = _with_it(plan, seen, before, now, got_sick=bool(got_sick))
    else:
        placed = _without_it(seen, before)
    return placed


def _with_it(plan: RingPlan, seen: Seen, before: Member | None, now: datetime, *, got_sick: bool) -> Placed:
    was = before.place if before else None
    began = seen.completed_at or (before.since if before and was is Place.BAKES else now)
    until = began + plan.rings[seen.ring].bake
    if got_sick and (was in {Place.BAKES, Place.DONE} or (seen.completed_at and now < until)):
        return Place.SICK, now, None, seen.sick
    if got_sick:
        # Sick when it was first looked at, long after its upgrade or without one: it bakes from when it is well.
        return Place.WAITS, None, None, seen.sick
    return (Place.DONE, until, None, "") if now >= until else (Place.BAKES, began, until, "")


def _apart(seen: Seen) -> Placed | None:
    """Quarantined, or not counted."""
    if not seen.unique_id:
        return Place.ABSENT, None, None, "there is no such set"
    if seen.quarantined:
        return Place.QUARANTINED, None, None, seen.quarantined
    if not seen.same_image:
        return Place.OTHER_IMAGE, None, None, "it has another image"
    if not seen.machines and not seen.runs:
        return Place.EMPTY, None, None, "it has no machines"
    return None


def _without_it(seen: Seen, before: Member | None) -> Placed:
    if seen.unseen:
        kept = before if before and before.place in {Place.BAKES, Place.UPGRADES} else None
        return (kept.place, None, kept.until, seen.unseen) if kept else (Place.WAITS, None, None, seen.unseen)
    if seen.runs:
        return Place.UPGRADES, None, None, ""
    if before and before.place in {Place.BAKES, Place.LEFT}:
        return Place.LEFT, None, None, "it went on to another version before this one had baked"
    return Place.WAITS, None, None, seen.hindered
