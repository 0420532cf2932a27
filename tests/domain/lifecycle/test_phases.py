"""The phases of a set's life: the table, the code and the picture say the same (docs/rules.md P15, F10)."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

from instar.domain.lifecycle.phases import TRANSITIONS, Phase, Transition, drawn, phase_of
from instar.domain.lifecycle.steps import Begin, Bring, Delete, LookAfter, Step
from instar.domain.machines.actions import ActionKind
from instar.domain.sets.policies import UpgradeMode
from tests.domain.lifecycle.driver import Driver

DOCS = Path(__file__).parents[3] / "docs" / "lifecycle.md"

LONGEST_WAY = 6
"""Moves: cancelled, then to be deleted, then found terminated."""

MOVES: dict[str, Callable[[Driver], object]] = {
    "start": Driver.start,
    "cancel": Driver.cancel,
    "revert": Driver.revert,
    "delete": Driver.delete,
    "put": lambda set_: set_.put(UpgradeMode.ROLLING),
    "act": lambda set_: set_.act(ActionKind.RESTART),
    "upgrade_ended": Driver.end_upgrade,
    "well": Driver.carry_out,
    "badly": lambda set_: set_.carry_out(well=False),
}


def by(move: str, step: Step) -> str:
    """What a move is called in the table."""
    if move not in ("well", "badly"):
        return "cancel" if move == "revert" else move
    names: dict[tuple[type[Step], str], str] = {
        (Begin, "well"): "upgrade_begun",
        (Begin, "badly"): "start_refused",
        (Bring, "well"): "upgrade_begun",
        (LookAfter, "badly"): "upgrade_closed",
        (Delete, "well"): "deleted",
        (Delete, "badly"): "deleted",
    }
    return names.get((type(step), move), "")


def walked(moves: tuple[str, ...]) -> tuple[Driver, list[Transition]]:
    set_, seen = Driver(), []
    for move in moves:
        if set_.gone:
            break
        before, step = phase_of(set_.state), set_.step
        MOVES[move](set_)
        after = phase_of(set_.state)
        if after is not before:
            seen.append(Transition(before, by(move, step), after))
    return set_, seen


def test_p15_f10_the_table_holds_every_transition_that_the_code_makes_and_no_other() -> None:
    seen: dict[Transition, None] = {}
    queue: deque[tuple[str, ...]] = deque([()])
    known = {(Driver().state, Driver().now)}
    while queue:
        moves = queue.popleft()
        for move in MOVES:
            longer = (*moves, move)
            set_, transitions = walked(longer)
            seen |= dict.fromkeys(transitions)
            # Two ways to one state go on alike; a long way repeats what a short one has shown.
            if len(longer) < LONGEST_WAY and (set_.state, set_.now) not in known:
                known.add((set_.state, set_.now))
                queue.append(longer)
    assert set(seen) == set(TRANSITIONS)


def test_the_picture_in_the_docs_is_the_table() -> None:
    assert f"```mermaid\n{drawn()}\n```" in DOCS.read_text()


def test_every_phase_can_be_left_but_the_last() -> None:
    assert {one.before for one in TRANSITIONS} == set(Phase) - {Phase.DELETED}
