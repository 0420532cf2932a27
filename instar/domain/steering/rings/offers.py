"""Whether the platform offers a version to a set, by its rings (docs/rules.md W5)."""

from collections.abc import Sequence

from instar.domain.moments import minute
from instar.domain.steering.rings.plans import RingPlan
from instar.domain.steering.rings.progress import NOT_COUNTED, Member, Place, RingProgress, is_passed

NAMED_AT_MOST = 3
"""Sets that a sentence names."""


def why_not_yet(plan: RingPlan, progress: RingProgress, ring: int, line: Sequence[str], version: str) -> str:
    """Why a set of that ring (counted from 0) is not offered a version by itself; "" if it is.

    What was seen by rings that were written differently says nothing: until they are looked at, within a minute or so,
    a version goes to the first ring alone.
    """
    known = progress.of(line, version) if progress.etag == plan.etag else None
    if known and known.stopped:
        return f"goes no further by the rings of '{plan.name}': {known.stopped}"
    if ring == 0:
        return ""
    if progress.etag != plan.etag:
        return f"waits for ring 1 of '{plan.name}': its rings have not been looked at yet"
    if known is None:
        return f"waits for ring 1 of '{plan.name}': none of its sets has it yet"
    for earlier in range(ring):
        members = known.of_ring(earlier)
        if not is_passed(members):
            return f"waits for ring {earlier + 1} of '{plan.name}': {_told(members)}"
    return ""


def _told(members: Sequence[Member]) -> str:
    counted = [one for one in members if one.place not in NOT_COUNTED]
    if not counted:
        return "none of its sets can have it" + _named(members)
    done = [one for one in counted if one.place is Place.DONE]
    bake = [one for one in counted if one.place is Place.BAKES]
    told = [f"{len(done) + len(bake)} of {len(counted)} sets have completed"]
    if ends := [one.until for one in bake if one.until]:
        verb = "bakes" if len(bake) == 1 else "bake"
        told.append(f"{len(bake)} {verb} until {minute(max(ends))}")
    others = [one for one in counted if one.place not in {Place.DONE, Place.BAKES}]
    return ", ".join(told) + _named(others)


def _named(members: Sequence[Member]) -> str:
    shown = [f"{one.name} {one.why or one.place.value}" for one in members[:NAMED_AT_MOST]]
    if len(members) > NAMED_AT_MOST:
        shown.append(f"{len(members) - NAMED_AT_MOST} more")
    return f" ({', '.join(shown)})" if shown else ""
