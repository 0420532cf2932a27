"""The phases of a scale set's life, and which may follow which (docs/rules.md P15, P14, F1).

`docs/lifecycle.md` shows the table as a picture; a test holds both, and what the functions of this package do, against
each other.
"""

from enum import StrEnum
from typing import NamedTuple

from instar.domain.lifecycle.state import Rolling, ScaleSetState, StartAsked


class Phase(StrEnum):
    """Who holds the set, for what."""

    FREE = "Free"
    """Nobody: capacity, actions on instances and looks have their turn."""
    START_ASKED = "StartAsked"
    """A start by hand is being pinned to a version."""
    ROLLING = "Rolling"
    """An upgrade runs."""
    CANCELLING = "Cancelling"
    """An upgrade runs that is to end."""
    LEAVING = "Leaving"
    """The set is to be deleted once its upgrade has come to its end."""
    DELETING = "Deleting"
    """Machines are being deleted."""
    DELETED = "Deleted"
    """Nothing is left but to say so."""


class Transition(NamedTuple):
    """One edge: what makes it, as the functions of `requests` and `results` are named."""

    before: Phase
    by: str
    after: Phase


TRANSITIONS: tuple[Transition, ...] = (
    Transition(Phase.FREE, "start", Phase.START_ASKED),
    Transition(Phase.FREE, "upgrade_begun", Phase.ROLLING),
    Transition(Phase.FREE, "delete", Phase.DELETING),
    Transition(Phase.START_ASKED, "upgrade_begun", Phase.ROLLING),
    Transition(Phase.START_ASKED, "start_refused", Phase.FREE),
    Transition(Phase.START_ASKED, "cancel", Phase.FREE),
    Transition(Phase.START_ASKED, "delete", Phase.DELETING),
    Transition(Phase.ROLLING, "cancel", Phase.CANCELLING),
    Transition(Phase.ROLLING, "upgrade_ended", Phase.FREE),
    Transition(Phase.ROLLING, "upgrade_closed", Phase.FREE),
    Transition(Phase.ROLLING, "delete", Phase.LEAVING),
    Transition(Phase.CANCELLING, "upgrade_ended", Phase.FREE),
    Transition(Phase.CANCELLING, "upgrade_closed", Phase.FREE),
    Transition(Phase.CANCELLING, "upgrade_ended", Phase.START_ASKED),
    Transition(Phase.CANCELLING, "upgrade_closed", Phase.START_ASKED),
    Transition(Phase.CANCELLING, "delete", Phase.LEAVING),
    Transition(Phase.LEAVING, "upgrade_ended", Phase.DELETING),
    Transition(Phase.LEAVING, "upgrade_closed", Phase.DELETING),
    Transition(Phase.DELETING, "deleted", Phase.DELETED),
)


def phase_of(state: ScaleSetState) -> Phase:
    """In which phase a set is."""
    if state.deletion:
        if state.deletion.done:
            return Phase.DELETED
        return Phase.LEAVING if state.rolling else Phase.DELETING
    match state.lock:
        case Rolling(cancel=None):
            return Phase.ROLLING
        case Rolling():
            return Phase.CANCELLING
        case StartAsked():
            return Phase.START_ASKED
        case _:
            return Phase.FREE


def drawn() -> str:
    """The table as a Mermaid diagram."""
    edges = [f"    {transition.before} --> {transition.after}: {transition.by}" for transition in TRANSITIONS]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {Phase.FREE}", *edges, f"    {Phase.DELETED} --> [*]"])
