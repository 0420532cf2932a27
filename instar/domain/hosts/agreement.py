"""What the processes of one installation must have in common, and what a process that has it not is told.

They share a store. Each writes down there what it goes by: by whose keys it seals, with which key it signs, which
Temporal and which machines it works with. Keys are told by their fingerprints, which give nothing of them away.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

HEARD_OF_WITHIN = timedelta(seconds=60)
"""Who was not heard of for longer has ended: three times as long as a process is silent."""

CLOCKS_TOLD = timedelta(seconds=5)
"""From here on a clock that differs is told: tokens, windows and retention bear some seconds."""

CLOCKS_REFUSED = timedelta(minutes=1)
"""From here on nobody begins to work: tokens are refused as not yet good, and claims lapse before their time."""

GUIDE = "docs/several-hosts.md"


class Part(StrEnum):
    """What a process is."""

    API = "api"
    WORKER = "worker"


class Fact(StrEnum):
    """What the store remembers of an installation, whoever lives."""

    SEALED = "seal-keys"
    """Fingerprints of the keys that have sealed."""
    FLEET = "fleet"
    """Which machines its records are of."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process, as it describes itself. "" where it does not know yet, or has none."""

    id: str
    part: Part
    host: str
    kernel: str
    pid: int
    release: str
    seals: str
    """The fingerprint of the key that it seals with."""
    opens: tuple[str, ...]
    """The fingerprints of all keys that it has, that one too."""
    signs: str = ""
    """The id of the key that its own issuer signs with."""
    temporal: str = ""
    """Name and id of the namespace."""
    fleet: str = ""
    """What runs its machines, and which: parts between slashes, as far as they are known."""

    def __str__(self) -> str:
        """For people."""
        return f"{self.part} {self.pid} on {self.host}"


@dataclass(frozen=True, slots=True)
class Remembered:
    """A fact of the installation."""

    value: str
    host: str
    """Who wrote it down."""
    at: datetime


def differ(one: str, other: str) -> bool:
    """Whether two descriptions exclude each other: as far as both are known.

    >>> differ("libvirt", "simulated/a"), differ("libvirt", "libvirt/a"), differ("", "simulated/a")
    (True, False, False)
    >>> differ("libvirt/a/b", "libvirt/a/c")
    True
    """
    if not one or not other:
        return False
    return any(ours != theirs for ours, theirs in zip(one.split("/"), other.split("/"), strict=False))


def of_keys(mine: Process, other: Process) -> str:
    """What is wrong between the sealing keys of two processes; "" if each opens what the other seals."""
    if other.seals not in mine.opens:
        lacks, key, has = mine, other.seals, other
    elif mine.seals not in other.opens:
        lacks, key, has = other, mine.seals, mine
    else:
        return ""
    return (
        f"the {lacks} has not the key {key}, with which the {has} seals: give every host the same seal.keys "
        f"(`instar keys list` names them by fingerprint; {GUIDE})"
    )


def between(mine: Process, other: Process) -> list[str]:
    """What two processes that live at once must not differ in, beside the keys that seal."""
    found = []
    if mine.signs and other.signs and mine.signs != other.signs:
        found.append(
            f"its signing.key is not the one that the {other} signs tokens with, and neither would believe those of "
            f"the other: copy signing.key from there, or stop every other API if this one is to be used ({GUIDE})"
        )
    if differ(mine.temporal, other.temporal):
        found.append(
            f"it works with Temporal's namespace {mine.temporal}, and the {other} with {other.temporal}: one store "
            f"goes with one namespace. Set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE as there ({GUIDE})"
        )
    if differ(mine.fleet, other.fleet):
        found.append(_other_fleet(mine, other.fleet, f"the {other}"))
    return found


def with_memory(mine: Process, sealed: Remembered | None, fleet: Remembered | None) -> list[str]:
    """What a process must not differ in from those that were there before it. `sealed`: the newest key that has."""
    found = []
    if sealed is not None and sealed.value not in mine.opens:
        found.append(
            f"it has not the key {sealed.value}, with which this store was sealed last (by {sealed.host}, "
            f"{sealed.at:%Y-%m-%d %H:%M} UTC): put the seal.keys of that host in its place, or that key on a line of "
            f"its own. Only if it is lost for good: `instar hosts forget {Fact.SEALED}` ({GUIDE})"
        )
    if fleet is not None and differ(mine.fleet, fleet.value):
        found.append(_other_fleet(mine, fleet.value, f"this store (since {fleet.at:%Y-%m-%d %H:%M} UTC, {fleet.host})"))
    return found


def refusals(
    mine: Process, others: Iterable[Process], sealed: Remembered | None, fleet: Remembered | None
) -> list[str]:
    """Why a process does not begin to work: sentences, none if it may."""
    found = with_memory(mine, sealed, fleet)
    for other in others:
        found += [sentence for sentence in (of_keys(mine, other),) if sentence]
        found += between(mine, other)
    return list(dict.fromkeys(found))


def refusals_at_work(mine: Process, earlier: Iterable[Process], fleet: Remembered | None) -> list[str]:
    """Why a process ends that works already: something of it became known only then.

    `earlier`: those that live and began before it; of two that differ the later one ends. A key that another process
    lacks ends nobody: keys are exchanged while all goes on, and what cannot be opened is tried again.
    """
    found = with_memory(mine, None, fleet)
    for other in earlier:
        found += between(mine, other)
    return list(dict.fromkeys(found))


def is_known(fleet: str) -> bool:
    """Whether a process knows which machines it has, and not only of what kind.

    >>> is_known("simulated/5f1c"), is_known("libvirt"), is_known("")
    (True, False, False)
    """
    return "/" in fleet


def _other_fleet(mine: Process, other: str, whose: str) -> str:
    return (
        f"its machines ({mine.fleet}) are not those of {whose} ({other}), and it would take those for gone. A "
        "simulated fleet is one file on one host; real machines are on one hypervisor, in one pool, which "
        "INSTAR_LIBVIRT__URI names from every host. Only if these are to take the place of those: "
        f"`instar hosts forget {Fact.FLEET}` ({GUIDE})"
    )


def clock_trouble(ahead: timedelta, uncertain: timedelta) -> str:
    """A sentence on a clock that is so far ahead of the store's, known so well; "" within the bounds of a warning."""
    surely = max(timedelta(0), abs(ahead) - uncertain)
    if surely <= CLOCKS_TOLD:
        return ""
    way = "ahead of" if ahead > timedelta(0) else "behind"
    return (
        f"the clock of this host is {abs(ahead).total_seconds():.0f} s {way} that of the database: let both follow a "
        "time server (NTP)"
    )


def clock_is_refused(ahead: timedelta, uncertain: timedelta) -> bool:
    """Whether nobody begins to work with such a clock."""
    return abs(ahead) - uncertain > CLOCKS_REFUSED
