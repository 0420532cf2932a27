"""How long a batch takes, by what batches have taken (docs/rules.md C3, C6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from instar.domain.records.upgrades import Decision


class PaceBy(StrEnum):
    """What a pace was learnt from."""

    THIS_UPGRADE = "thisUpgrade"
    LAST_UPGRADES = "lastUpgrades"
    HEALTH_WAIT = "healthWait"
    """Nothing was seen yet: as long as machines have to become healthy, which is the most (P6)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """From a batch's begin to its verdict: the mean, and the longest."""

    batch: timedelta
    longest: timedelta
    by: PaceBy


def pace_of(here: Sequence[timedelta], before: Sequence[timedelta], health_wait: timedelta) -> Pace:
    """The pace of this upgrade's batches, else of the last upgrades', else the health wait.

    >>> minutes = [timedelta(minutes=2), timedelta(minutes=4)]
    >>> pace = pace_of(minutes, [], timedelta(minutes=5))
    >>> str(pace.batch), str(pace.longest), pace.by.value
    ('0:03:00', '0:04:00', 'thisUpgrade')
    >>> pace_of([], [], timedelta(minutes=5)).by.value
    'healthWait'
    """
    for spans, by in ((here, PaceBy.THIS_UPGRADE), (before, PaceBy.LAST_UPGRADES)):
        if spans:
            return Pace(batch=sum(spans, timedelta(0)) / len(spans), longest=max(spans), by=by)
    return Pace(batch=health_wait, longest=health_wait, by=PaceBy.HEALTH_WAIT)


def spans_of(decisions: Iterable[Decision]) -> list[timedelta]:
    """How long each batch took that came to a verdict; bakes, pauses and parking are not in it."""
    spans: list[timedelta] = []
    begun: Decision | None = None
    for one in sorted(decisions, key=lambda decision: decision.sequence):
        if one.action == "batch":
            begun = one
        elif one.action == "verdict" and begun is not None:
            spans.append(one.at - begun.at)
            begun = None
    return spans
