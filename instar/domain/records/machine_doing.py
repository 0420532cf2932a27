"""What a machine is doing, in one word: from its part in the newest rolling upgrade, and how it is now (P17)."""

from dataclasses import dataclass
from enum import StrEnum

from instar.domain.machines.instances import Standing
from instar.domain.records.progress import Outcome


class Doing(StrEnum):
    """The one word. Whoever looks for trouble finds it in the last ones."""

    WAITING = "waiting"
    """Its turn in the upgrade that runs is still to come."""
    SWAPPING = "swapping"
    """In the batch in work, on the disk that it had."""
    HEALTH_WAIT = "healthWait"
    """In the batch in work, on the disk that this upgrade has made."""
    ON_TARGET = "onTarget"
    """Healthy, and where the newest upgrade takes machines."""
    HEALTHY = "healthy"
    """Healthy, on something else."""
    STARTING = "starting"
    """Not healthy yet, and need not be: it boots, or is in its grace period."""
    STOPPED = "stopped"
    """By its owner."""
    SKIPPED = "skipped"
    """Left out of the upgrade that runs."""
    PROTECTED = "protected"
    """The same, since its owner has exempted it."""
    NOT_SEEN = "notSeen"
    """Nobody has looked at its health yet."""
    VANISHED = "vanished"
    """Taken out of the set since the upgrade began."""
    ROLLED_BACK = "rolledBack"
    """Failed in the newest upgrade, and on its previous disk again."""
    FAILED = "failed"
    """Failed in the newest upgrade."""
    SICK_BEFORE = "sickBefore"
    """Sick before its swap, and after it."""
    UNHEALTHY = "unhealthy"
    """Sick now; the newest upgrade did not call it failed."""
    NEEDS_PERSON = "needsPerson"
    """Sick after its rollback too, or it could not be rolled back (P8)."""


@dataclass(frozen=True, slots=True)
class Part:
    """A machine, and its part in the newest rolling upgrade of its set."""

    standing: Standing | None
    """How it is now; None of one that is there no more."""
    outcome: Outcome | None
    """What became of it in that upgrade; None of one that is none of its members."""
    runs: bool
    """Whether that upgrade runs."""
    on_new_disk: bool
    """Whether the disk that it has was made, or given back, by that upgrade."""
    on_target: bool
    """Whether it is where that upgrade takes machines."""
    protected: bool
    moved_since: bool
    """Whether a later operation has had it in hand."""
    looked_at: bool = True
    """Whether anybody has looked at its health."""


_FAILURES = {
    Outcome.FAILED: Doing.FAILED,
    Outcome.SICK_BEFORE: Doing.SICK_BEFORE,
    Outcome.ROLLED_BACK: Doing.ROLLED_BACK,
    Outcome.ROLLBACK_FAILED: Doing.NEEDS_PERSON,
}


def doing_of(part: Part) -> Doing:
    """What a machine is doing.

    An upgrade that has ended counts by its failures alone, until something else was done to the machine.

    >>> doing_of(Part(Standing.HEALTHY, Outcome.IN_PROGRESS, True, False, False, False, False)).value
    'swapping'
    >>> doing_of(Part(Standing.UNHEALTHY, Outcome.UPGRADED, False, True, True, False, False)).value
    'unhealthy'
    """
    if part.standing is None:
        return Doing.VANISHED
    if part.outcome in _FAILURES and not part.moved_since:
        return _FAILURES[part.outcome]
    return (_in_the_run(part) if part.runs else None) or _now(part)


def _in_the_run(part: Part) -> Doing | None:
    """What the upgrade that runs has to do with it; None: nothing, or nothing any more."""
    match part.outcome:
        case Outcome.PENDING:
            return Doing.WAITING
        case Outcome.IN_PROGRESS:
            return Doing.HEALTH_WAIT if part.on_new_disk else Doing.SWAPPING
        case Outcome.SKIPPED:
            return Doing.PROTECTED if part.protected else Doing.SKIPPED
        case _:
            return None


def _now(part: Part) -> Doing:
    match part.standing:
        case Standing.STOPPED:
            return Doing.STOPPED
        case _ if not part.looked_at:
            return Doing.NOT_SEEN
        case Standing.HEALTHY:
            return Doing.ON_TARGET if part.on_target else Doing.HEALTHY
        case Standing.INITIALIZING:
            return Doing.STARTING
        case _:
            return Doing.UNHEALTHY
