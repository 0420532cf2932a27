"""When the sets that follow an image are looked at once something was published (docs/rules.md T2, W5).

Spread over their five minutes, so that thousands do not march in step; in the order of their rings, so that those which
are to have it first are told first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from instar.domain.steering.rings.plans import RingPlan


@dataclass(frozen=True, slots=True)
class Follower:
    """A set that follows an image. `within`: how soon after a publication it is to look."""

    unique_id: str
    resource_id: str
    within: timedelta
    tags: Mapping[str, Any] = field(default_factory=dict)


def spread(followers: Iterable[Follower], rings: Sequence[RingPlan], since: datetime) -> list[tuple[str, datetime]]:
    """The moment of each, by unique id, in their order: evenly, the first at once. The same however often it is asked.

    A set of several rings comes with the last of them; sets of no ring come after all others, in which it is tried.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> five = timedelta(minutes=5)
    >>> rings = RingPlan.model_validate({"rings": [{"tag": {"name": "ring", "value": one}} for one in "12"]})
    >>> sets = [Follower(one, "/" + one, five, {"ring": ring}) for one, ring in (("b", "2"), ("c", ""), ("d", "1"))]
    >>> [(one, moment.strftime("%M:%S")) for one, moment in spread(sets, [rings], noon)]
    [('d', '00:00'), ('b', '01:40'), ('c', '03:20')]
    """
    ordered = sorted(followers, key=lambda one: (ring_of(one, rings), one.unique_id))
    return [(one.unique_id, since + one.within * (index / len(ordered))) for index, one in enumerate(ordered)]


def ring_of(one: Follower, rings: Sequence[RingPlan]) -> float:
    """Its ring, counted from 0, the last of several; infinite for a set of none."""
    found = [at for plan in rings if (at := plan.ring_of(one.resource_id, one.tags)) is not None]
    return max(found, default=float("inf"))
