"""Whose turn it is: leases are given in the order of asking, by all limits or by none (docs/rules.md W4)."""

from collections.abc import Callable, Collection, Iterable, Sequence

from instar.domain.steering.turns.limits import Limit, most_machines, of_set
from instar.domain.steering.turns.turns import Turn

Budget = Callable[[Limit], int | None]
Share = Callable[[Turn], int]


def settled(turns: Iterable[Turn], limits: Collection[Limit]) -> tuple[Turn, ...]:
    """Every turn as it is once all that may go on has been given its leases, in the order of asking.

    First slots, then machines. Each lease is given by every limit that covers the set, or by none. Nobody overtakes at
    a limit: once one waits there, all behind it do, so that the first in the line needs only what others give back.
    Nothing is ever taken away: a limit that was lowered waits until enough was given back.

    >>> from datetime import UTC, datetime
    >>> noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    >>> line = [Turn(unique_id=u, number=1, resource_id="/s", batch=1, since=noon, wants=5) for u in "abc"]
    >>> [turn.machines for turn in settled(line, [Limit(name="eu", scope="/", machines_out_at_once=10)])]
    [5, 5, 0]
    >>> [turn.has_slot for turn in settled(line, [Limit(name="eu", scope="/", upgrades_at_once=1)])]
    [True, False, False]
    """
    line = in_order(turns)
    line = _given(line, limits, _upgrades, _slots, wants=_wants_slot, gives=_slot)
    return _given(line, limits, _machines, _out, wants=_due, gives=_batch)


def in_order(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """The line: first come, first served."""
    return tuple(sorted(turns, key=lambda one: (one.since, one.unique_id, one.number)))


def _given(  # one lease: what of it there is, who has it, who wants it, and how it is given
    line: Sequence[Turn],
    limits: Collection[Limit],
    budget: Budget,
    share: Share,
    *,
    wants: Callable[[Turn, Sequence[Limit]], int],
    gives: Callable[[Turn, int], Turn],
) -> tuple[Turn, ...]:
    left = {one.name: total - used(one, line, share) for one in limits if (total := budget(one)) is not None}
    closed = set[str]()
    found = list[Turn]()
    for turn in line:
        mine = of_set(limits, turn.resource_id)
        need = wants(turn, mine)
        names = [one.name for one in mine if one.name in left]
        if need and all(name not in closed and need <= left[name] for name in names):
            left |= {name: left[name] - need for name in names}
            found.append(gives(turn, need))
        else:
            closed |= set(names) if need else set()
            found.append(turn)
    return tuple(found)


def used(limit: Limit, turns: Iterable[Turn], share: Share) -> int:
    """How much of a limit's budget is out."""
    return sum(share(turn) for turn in turns if limit.covers(turn.resource_id))


def upgrades_of(limit: Limit, turns: Iterable[Turn]) -> int:
    """How many upgrades run, as that limit counts."""
    return used(limit, turns, _slots)


def machines_of(limit: Limit, turns: Iterable[Turn]) -> int:
    """How many machines are out, as that limit counts."""
    return used(limit, turns, _out)


def why(turn: Turn, turns: Collection[Turn], limits: Collection[Limit]) -> str:
    """What somebody in the line waits for, in one sentence; "" for whoever does not wait.

    >>> from datetime import UTC, datetime
    >>> noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    >>> line = [Turn(unique_id=u, number=1, resource_id="/s", batch=1, since=noon, wants=5) for u in "ab"]
    >>> first, second = settled(line, [eu := Limit(name="eu", scope="/", upgrades_at_once=1)])
    >>> why(second, (first, second), [eu])
    "waits for its turn: 1 of 1 upgrades run (limit 'eu')"
    """
    if not turn.waits:
        return ""
    mine = of_set(limits, turn.resource_id)
    told = list[str]()
    for limit in mine:
        if not turn.has_slot:
            if (total := limit.upgrades_at_once) is None:
                continue
            running = upgrades_of(limit, turns)
            full = running >= total
            tells = f"{running} of {total} upgrades run"
        else:
            if (total := limit.machines_out_at_once) is None:
                continue
            out, need = machines_of(limit, turns), _due(turn, mine)
            full = out + need > total
            tells = f"{out} of {total} machines are out and its batch is of {need}"
        if not full:
            ahead = len(_ahead(turn, turns, limit))
            full, tells = ahead > 0, f"{ahead} asked before it"
        if full:
            told.append(f"{tells} (limit '{limit.name}')")
    return "waits for its turn" + (f": {', '.join(told)}" if told else "")


def _ahead(turn: Turn, turns: Iterable[Turn], limit: Limit) -> tuple[Turn, ...]:
    """Who stands before it at a limit, for the same lease."""
    same = [one for one in turns if one.waits and one.has_slot == turn.has_slot and limit.covers(one.resource_id)]
    line = in_order([*same, turn] if turn not in same else same)
    return line[: line.index(turn)]


def _upgrades(limit: Limit) -> int | None:
    return limit.upgrades_at_once


def _machines(limit: Limit) -> int | None:
    return limit.machines_out_at_once


def _slots(turn: Turn) -> int:
    return int(turn.has_slot)


def _out(turn: Turn) -> int:
    return turn.machines


def _due(turn: Turn, limits: Sequence[Limit]) -> int:
    """Machines that it is to be given: what it wants, cut to what its limits ever allow."""
    if not (turn.waits and turn.has_slot):
        return 0
    most = most_machines(limits)
    return turn.wants if most is None else min(turn.wants, most)


def _wants_slot(turn: Turn, _limits: Sequence[Limit]) -> int:
    return int(turn.waits and not turn.has_slot)


def _slot(turn: Turn, _need: int) -> Turn:
    return turn.model_copy(update={"has_slot": True})


def _batch(turn: Turn, need: int) -> Turn:
    return turn.model_copy(update={"machines": need})
