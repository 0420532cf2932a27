"""What one look at an image means for one set (docs/rules.md T1, T2, T5, T7, I1, I2, C1, C2, W5).

The set's own look and the one that is made for it go by the same rules, in the same order and with the same sentences.
"""

from dataclasses import dataclass
from datetime import datetime

from instar.domain.images.images import version_key
from instar.domain.looks.kept import KeptLook
from instar.domain.records.triggers import HeldBack, Settled, hold_reason


@dataclass(frozen=True, slots=True)
class Offered:
    """What a set could be brought to."""

    version: str | None
    """The newest version that is on offer, not quarantined there, and not kept back by rings."""
    nothing: str
    """What is said where there is none."""
    waits: str = ""
    """A newer one that its rings keep back, and why."""
    quarantined: str = ""
    """The newest one on offer where that is quarantined, and why."""

    @property
    def besides(self) -> str:
        """What else is said, as the end of a sentence; empty where nothing is."""
        return "".join(f"; {one}" for one in (self.quarantined, self.waits) if one)


@dataclass(frozen=True, slots=True)
class Found:
    """What a look came to without asking for machines: nothing begins. `refused`: nothing may."""

    reason: str
    refused: bool = False
    settled: Settled | None = None


def without_machines(  # what it is decided from
    offered: Offered,
    held: HeldBack | None,
    settled: Settled | None,
    generation: int,
    at: datetime | None,
    *,
    outdated: bool = False,
) -> Found | None:
    """What is found where nothing may have changed since machines were listed last; None: they must be.

    `settled`: given while it may be trusted. `outdated`: entries of the set's quarantine are over, since its machines
    are made from another model now.
    """
    if offered.version is None and offered.waits:
        return Found(offered.waits + (f"; {offered.quarantined}" if offered.quarantined else ""))
    if offered.version is None:
        return Found(offered.nothing + offered.besides, refused=True)
    if at and (reason := hold_reason(held, offered.version, at)):
        return Found(reason + offered.besides)
    if settled and not outdated and (settled.version, settled.generation) == (offered.version, generation):
        return Found(settled.reason + offered.besides, settled=settled)
    return None


@dataclass(frozen=True, slots=True)
class Facts:
    """One set as it stands at this moment, for the look that is made for it."""

    generation: int
    """Of the machine part of its newest model."""
    offered: Offered
    automatic: bool = True
    """It is there, is to stay, and its automatic upgrades are on."""
    busy: bool = False
    """An upgrade of it runs."""
    kept_back: str = ""
    """Why nothing of it may begin: a pause, a hold (C1, C2)."""
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Forget:
    """No look is made for it any more: it is off, or does something, and looks by itself after that."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """There is nothing to do; the sentence of the look."""

    outcome: str


@dataclass(frozen=True, slots=True)
class InFull:
    """Its machines are to be listed."""


@dataclass(frozen=True, slots=True)
class Tell:
    """It has something to do: its workflow is told, and looks by itself."""

    outcome: str


Next = Forget | Quiet | InFull | Tell


def next_of(kept: KeptLook, facts: Facts, now: datetime) -> Next:
    """What a look that is made for a set leads to.

    A newer version than the one that its machines were found settled on is told to the set without asking for machines:
    it looks in full by itself. What may have changed otherwise (its model, a version taken back, or just that a while
    has passed since) is seen to in full first, since mostly nothing comes of it.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> settled = Settled(version="1.2", generation=1, reason="nothing newer than 1.2", until=noon.replace(hour=18))
    >>> kept = KeptLook(settled=settled)
    >>> next_of(kept, Facts(1, Offered("1.2", "")), noon)
    Quiet(outcome='nothing newer than 1.2')
    >>> next_of(kept, Facts(1, Offered("1.10", "")), noon)
    Tell(outcome='1.10 is newer than 1.2: the set was told')
    >>> next_of(kept, Facts(1, Offered("1.2", "")), noon.replace(hour=18))
    InFull()
    """
    if not facts.automatic or facts.busy:
        return Forget()
    if facts.kept_back:
        return Quiet(facts.kept_back)
    settled = kept.settled if kept.settled and now < kept.settled.until else None
    found = without_machines(facts.offered, kept.held, settled, facts.generation, now, outdated=facts.outdated)
    if found is not None:
        return Quiet(found.reason)
    if facts.outdated:
        return Tell("its model has changed since a version was quarantined: the set was told")
    had, version = kept.settled, facts.offered.version
    if had and version and version_key(version) > version_key(had.version):
        return Tell(f"{version} is newer than {had.version}: the set was told")
    return InFull()
