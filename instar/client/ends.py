"""How a command that follows an upgrade ends, so that a script can tell (docs/operations.md).

0 completed, 3 faulted, 4 cancelled, 5 parked where that was asked for, 6 nothing to follow. 2 is a wrong call, 1 is
anything else: no API, a refusal, a time that is over.
"""

from instar.domain.records.upgrades import UpgradeStatus
from instar.errors import Trouble

COMPLETED = 0
FAULTED = 3
CANCELLED = 4
PARKED = 5
NOTHING = 6

_STATUSES = {
    UpgradeStatus.COMPLETED: COMPLETED,
    UpgradeStatus.FAULTED: FAULTED,
    UpgradeStatus.CANCELLED: CANCELLED,
}


class NothingToFollow(Trouble):
    """No upgrade has run, and none can come by itself."""

    exit_status = NOTHING


def status_of(status: UpgradeStatus) -> int:
    """The exit status after an upgrade that was followed to here; one that has not ended was left parked.

    >>> [status_of(one) for one in (UpgradeStatus.COMPLETED, UpgradeStatus.FAULTED, UpgradeStatus.ROLLING_FORWARD)]
    [0, 3, 5]
    """
    return _STATUSES.get(status, PARKED)
