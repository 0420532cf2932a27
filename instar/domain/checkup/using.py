"""Whether what is written down is looked at by somebody: workflows, hand-overs, sets, wishes, images."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from instar.domain.checkup.findings import Check, Finding, count_of, named, or_ok, problem, warning
from instar.domain.images.images import ImageReference, is_exact, version_key

MIB = 1 << 20


def workflows(sets_without: Collection[str], upgrades_without: Collection[str], looked_at: int) -> list[Finding]:
    """Sets whose own workflow does not run, and upgrades that run by their records alone; all by name."""
    told = []
    if sets_without:
        found = f"{count_of(len(sets_without), 'set')} without a running workflow: {named(sets_without)}"
        how = "an API begins it anew within two minutes: does one run, and does it reach Temporal?"
        told.append(problem(Check.WORKFLOWS, found, how))
    if upgrades_without:
        found = (
            f"{count_of(len(upgrades_without), 'upgrade')} in progress by the records alone, Temporal knows no such "
            f"running workflow: {named(upgrades_without)}"
        )
        how = "their sets end them as Faulted within minutes (an hour if parked), if a worker runs; then start anew"
        told.append(problem(Check.WORKFLOWS, found, how))
    return or_ok(
        told, Check.WORKFLOWS, f"{count_of(looked_at, 'set')} of more than a few minutes: each has its running workflow"
    )


@dataclass(frozen=True, slots=True)
class BacklogFacts:
    """How many wait, and for how long the oldest."""

    count: int = 0
    age: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class HandOverFacts:
    """What is still to be done."""

    hand_overs: BacklogFacts = BacklogFacts()
    deliveries: BacklogFacts = BacklogFacts()
    given_up: int = 0
    webhooks_off: int = 0


LATE, DELIVERY_LATE = timedelta(minutes=5), timedelta(hours=1)
"""A hand-over takes part of a second; a delivery is tried again for a day."""


def hand_overs(facts: HandOverFacts) -> list[Finding]:
    """Whether what was accepted is taken, and what is told is heard."""
    told = []
    if facts.hand_overs.count and facts.hand_overs.age > LATE:
        found = f"{count_of(facts.hand_overs.count, 'request')} no set's workflow has taken, the oldest for "
        how = "nothing is lost: it goes on once Temporal and a worker are there; the operations say what they wait for"
        told.append(problem(Check.HAND_OVERS, f"{found}{_minutes(facts.hand_overs.age)}", how))
    if facts.deliveries.count and facts.deliveries.age > DELIVERY_LATE:
        found = f"{count_of(facts.deliveries.count, 'event')} of webhooks not delivered, the oldest for "
        how = "`instar webhooks undelivered NAME` says what its receiver answers"
        told.append(warning(Check.HAND_OVERS, f"{found}{_minutes(facts.deliveries.age)}", how))
    if facts.given_up:
        found = f"{count_of(facts.given_up, 'event')} of webhooks that nobody tries to deliver any more"
        told.append(warning(Check.HAND_OVERS, found, "mend the receiver, then `instar webhooks resend NAME --all`"))
    if facts.webhooks_off:
        found = f"{count_of(facts.webhooks_off, 'webhook')} switched off"
        told.append(warning(Check.HAND_OVERS, found, "`instar webhooks list` shows which; delete what nobody needs"))
    return or_ok(told, Check.HAND_OVERS, "what was accepted is taken, what is told is heard")


def _minutes(age: timedelta) -> str:
    return count_of(int(age.total_seconds() // 60), "minute")


@dataclass(frozen=True, slots=True)
class SetFacts:
    """A scale set, as far as it matters whether it will ever be upgraded. None: not known."""

    name: str
    automatic: bool
    image: ImageReference
    published: bool | None = None
    """Whether a version of its image is there, in its location."""
    next_look: datetime | None = None
    busy: bool = False
    """An upgrade of it runs."""
    looks_known: bool = True
    behind: str = ""
    """Why it is held: its records are older than its machines."""
    failed: bool = False
    """Its last request failed."""


OVERDUE = timedelta(minutes=30)


def sets(found: Sequence[SetFacts], now: datetime) -> list[Finding]:
    """Whether each can do what it is meant to do."""
    told = []
    if behind := [one.name for one in found if one.behind]:
        told.append(
            problem(
                Check.SETS,
                f"records older than the machines, so that nothing is done to these: {named(behind)}",
                "`instar reconcile SET` shows what its records do not know, with --apply it ends that",
            )
        )
    automatic = [one for one in found if one.automatic and not one.behind]
    if pinned := [one.name for one in automatic if not one.image.follows_latest and is_exact(one.image.version)]:
        told.append(
            warning(
                Check.SETS,
                f"automatic upgrades are on, and the image is pinned to one exact version: {named(pinned)}",
                "name the version `latest` in the model, or switch them off: `instar automatic SET off`",
            )
        )
    if unpublished := [one.name for one in found if one.image.follows_latest and one.published is False]:
        told.append(
            problem(
                Check.SETS,
                f"no version of their image is published where they are: {named(unpublished)}",
                "publish one: `instar images publish …`; `instar status SET` says which",
            )
        )
    late = [
        one.name
        for one in automatic
        if one.looks_known and not one.busy and one.image.follows_latest and _is_late(one, now)
    ]
    if late:
        told.append(
            problem(
                Check.SETS,
                f"automatic upgrades are on, and the next look is half an hour overdue: {named(late)}",
                "does a worker run, and the set's workflow? see the checks workers and workflows",
            )
        )
    if failed := [one.name for one in found if one.failed]:
        told.append(
            warning(
                Check.SETS,
                f"the last request about these failed: {named(failed)}",
                "`instar status SET` says what to do; mended, send it again",
            )
        )
    return or_ok(told, Check.SETS, f"{count_of(len(found), 'set')}, each looks at what it is meant to")


def _is_late(one: SetFacts, now: datetime) -> bool:
    return one.next_look is None or one.next_look < now - OVERDUE


@dataclass(frozen=True, slots=True)
class WishFacts:
    """What keeps upgrades back without an end. `rings`: numbers of empty rings, by the name of their document."""

    holds: tuple[str, ...] = ()
    pauses: tuple[str, ...] = ()
    """Names of sets that are paused without an end."""
    rings: Mapping[str, Sequence[int]] = field(default_factory=dict)


def wishes(facts: WishFacts) -> list[Finding]:
    """Whether what somebody wished will end, and is about anything."""
    told = []
    if facts.holds:
        found = f"holds without an end: {named(facts.holds)}"
        how = "`instar holds` says who and why; `instar release NAME` ends one, `--until` gives it an end"
        told.append(warning(Check.WISHES, found, how))
    if facts.pauses:
        found = f"paused without an end: {named(facts.pauses)}"
        told.append(warning(Check.WISHES, found, "`instar show SET` says who and why; `instar resume SET` ends it"))
    for name, empty in facts.rings.items():
        numbers = ", ".join(map(str, empty))
        found = f"rings '{name}': no set is in ring {numbers}, so that it holds nothing back"
        told.append(warning(Check.WISHES, found, f"`instar rings show {name}`: correct its sets or its tag"))
    return or_ok(told, Check.WISHES, "no hold or pause without an end, no ring without a set")


@dataclass(frozen=True, slots=True)
class Published:
    """A version of a platform image in a location. `size`: bytes, 0: not known."""

    image: ImageReference
    location: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Use:
    """What a set uses: its image and place, and the versions that its machines are on; None: nobody said."""

    image: ImageReference
    location: str
    versions: frozenset[str] | None = None


def images(published: Sequence[Published], uses: Sequence[Use]) -> list[Finding]:
    """Published versions that no set refers to: by its model, by `latest`, or by a machine that is on it."""
    idle = [one for one in published if not _is_used(one, published, uses)]
    if not idle:
        return or_ok([], Check.IMAGES, f"{count_of(len(published), 'published version')}, each with a set that uses it")
    size = sum(one.size for one in idle)
    of_size = f", {size / MIB:.0f} MiB as far as their size is known" if size else ""
    return [
        warning(
            Check.IMAGES,
            f"{count_of(len(idle), 'published version')} that no set uses{of_size}: "
            f"{named(f'{one.image} in {one.location}' for one in idle)}",
            "delete what nobody needs (DELETE of its path, docs/images-and-health.md); disks that were made stay",
        )
    ]


def _is_used(one: Published, published: Sequence[Published], uses: Sequence[Use]) -> bool:
    alike = [use for use in uses if use.image.line == one.image.line and _place(use.location) == _place(one.location)]
    if any(use.versions is None or one.image.version in use.versions for use in alike):
        return True
    if any(use.image.version == one.image.version for use in alike):
        return True
    newest = max(
        (
            other.image.version
            for other in published
            if other.image.line == one.image.line and _place(other.location) == _place(one.location)
        ),
        key=version_key,
    )
    return one.image.version == newest and any(use.image.follows_latest for use in alike)


def _place(location: str) -> str:
    return location.lower().replace(" ", "")
