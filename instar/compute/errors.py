"""What can go wrong with machines, as a small tree (docs/rules.md F3).

ComputeError
├── TryAgain                 the same call may work later; nothing is said of the machine or the image
│   ├── Throttled            too many calls; `retry_after` says when to come back
│   └── Unavailable          the compute does not answer just now
│       └── NotProbed        this process may not ask some of the machines; `seen` is for readers alone
├── InstanceFailed           give up on this instance, go on with the others
│   ├── InstanceGone         it was deleted: no failure of anybody's
│   ├── DiskNotMade          its new OS disk cannot be made
│   ├── NothingToRestore     no previous OS disk is kept for it
│   └── NotBegun             it was only to be brought to its end, and nothing of it was begun: no failure either (P14)
├── UpgradeImpossible        give up on this upgrade
│   ├── ImageGone            the image version cannot be used any more
│   └── NotAllowed           the compute refuses for good
└── Superseded               a newer attempt was seen: this one must leave everything as it is (F2)
    └── Overtaken            by a newer operation: this one is over, and says nothing of the machine (F7)

An extension that fails on a machine is none of these but a state of the machine: its disk was swapped all the same, so
the instance is not healthy, and what follows from that is the health wait's affair (`instar.compute.provider`).
"""

from datetime import timedelta

from instar.domain.machines.instances import HealthObservation


class ComputeError(Exception):
    """Anything that a compute backend may raise."""


class TryAgain(ComputeError):
    """The same call may work later."""

    retry_after: timedelta | None = None


class Throttled(TryAgain):
    """Too many calls."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(TryAgain):
    """The compute does not answer just now."""


class NotProbed(Unavailable):
    """A look that could not be made whole, because probes may not go where some of the machines are (H7).

    Its text names no address. `seen` is the look for readers: Unknown, with the reason, of those that were not asked.
    """

    def __init__(self, message: str, seen: tuple[HealthObservation, ...]) -> None:
        super().__init__(message)
        self.seen = seen


class InstanceFailed(ComputeError):
    """This instance cannot be helped; the others can."""


class InstanceGone(InstanceFailed):
    """The instance does not exist (any more)."""


class DiskNotMade(InstanceFailed):
    """The new OS disk cannot be made."""


class NothingToRestore(InstanceFailed):
    """No previous OS disk of this upgrade is kept."""


class NotBegun(InstanceFailed):
    """Nothing of this swap or restore was begun, and nothing is to begin any more."""


class UpgradeImpossible(ComputeError):
    """No instance can be brought to this version."""


class ImageGone(UpgradeImpossible):
    """The image version was withdrawn or is unusable."""


class NotAllowed(UpgradeImpossible):
    """The compute refuses for good."""


class Superseded(ComputeError):
    """A newer attempt, step or operation was seen on this instance."""


class Overtaken(Superseded):
    """A newer operation was seen on this instance: an operation that still runs then has records of long ago (F7)."""
