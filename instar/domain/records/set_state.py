"""What a set does at the moment, in one word and one sentence, for a list of many (docs/rules.md P17, C1, C2, F10)."""

from dataclasses import dataclass
from enum import StrEnum

from instar.domain.records.upgrades import Decision, UpgradeRecord
from instar.domain.steering.wishes import Wishes

PARKED_ACTIONS = ("parked", "approval")
"""What the decision to wait before a batch is called (`Park.action`)."""


class SetState(StrEnum):
    """The one word. An upgrade that runs is told before what would keep the next one back."""

    DELETING = "deleting"
    PARKED = "parked"
    UPGRADING = "upgrading"
    HELD = "held"
    """By an operator's hold (C2), or because the records are older than the machines (F7): the sentence says which."""
    PAUSED = "paused"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Standing:
    """The word, and the sentence that says why; "" where there is nothing to say."""

    state: SetState
    reason: str = ""


def is_parked(upgrade: UpgradeRecord | None, decided: Decision | None) -> bool:
    """Whether an upgrade waits before its next batch, by the newest decision in it."""
    runs = upgrade is not None and not upgrade.status.ended
    return runs and decided is not None and decided.action in PARKED_ACTIONS


def standing_of(
    upgrade: UpgradeRecord | None, decided: Decision | None, wishes: Wishes, behind: str, *, deleting: bool
) -> Standing:
    """Where a set stands: its newest rolling upgrade, the newest decision in that, what is wished, why it is held (F7).

    >>> standing_of(None, None, Wishes(), "", deleting=False).state.value
    'idle'
    >>> standing_of(None, None, Wishes(), "the records are older", deleting=False)
    Standing(state=<SetState.HELD: 'held'>, reason='the records are older')
    """
    if deleting:
        return Standing(SetState.DELETING)
    if decided is not None and is_parked(upgrade, decided):
        return Standing(SetState.PARKED, decided.reason.removeprefix("parked: "))
    if upgrade is not None and not upgrade.status.ended:
        return Standing(SetState.UPGRADING, decided.reason if decided else "")
    if behind or wishes.holds:
        return Standing(SetState.HELD, "; ".join(filter(None, (behind, *(hold.sentence for hold in wishes.holds)))))
    return Standing(SetState.PAUSED, wishes.pause.sentence) if wishes.pause else Standing(SetState.IDLE)
