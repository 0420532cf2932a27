"""Many sets on one screen: whatever a person is needed for or is being upgraded first, the rest counted.

A set is a line with its bar, or two where there is something to say or its name is long. No name is ever cut; what a
set waits for is cut at the end of the line, and `instar show` has it whole.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from rich.cells import cell_len, chop_cells, set_cell_size

from instar.client.showing.words import moment, progressed, took, who
from instar.domain.legible import legible_line
from instar.domain.moments import instant

Json = dict[str, Any]

BAR = 10
"""Letters of a bar."""


class Rank(IntEnum):
    """What comes first."""

    PERSON = 0
    """Nothing goes on before somebody has done something."""
    UPGRADING = 1
    PARKED = 2
    """An upgrade waits for a moment, or for what somebody wished."""
    REST = 3
    """No upgrade runs."""


WORDS = {Rank.PERSON: "need a person", Rank.UPGRADING: "being upgraded", Rank.PARKED: "parked"}
STYLES = {Rank.PERSON: "bold red", Rank.UPGRADING: "cyan", Rank.PARKED: "yellow", Rank.REST: ""}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the screen; `style` tells nothing that the text does not."""

    text: str
    style: str = ""


def needs(one: Json) -> str:
    """What a person is needed for at this set; "" where it is for nothing."""
    needed: list[str] = one["properties"].get("needsPerson", [])
    return "; ".join(needed)


def rank_of(one: Json) -> Rank:
    """Where it stands."""
    if needs(one):
        return Rank.PERSON
    return {"upgrading": Rank.UPGRADING, "parked": Rank.PARKED}.get(str(one["properties"]["state"]), Rank.REST)


def in_order(sets: Sequence[Json]) -> list[Json]:
    """Of each rank those that began first, first; then by name."""

    def place(one: Json) -> tuple[int, str, str, str]:
        upgrade = one["properties"].get("upgrade") or {}
        began = upgrade.get("startTime", "") if runs(one) else ""
        return rank_of(one), began, one["name"].lower(), one["id"].lower()

    return sorted(sets, key=place)


def names_of(sets: Sequence[Json]) -> dict[str, str]:
    """What each is called, by its id: with its group where several have that name."""
    often = Counter(one["name"].lower() for one in sets)
    return {
        one["id"]: legible_line(
            one["name"] if often[one["name"].lower()] == 1 else f"{one['name']} ({one['properties']['resourceGroup']})"
        )
        for one in sets
    }


def counted(sets: Sequence[Json]) -> str:
    """All of them in one line.

    >>> counted([])
    '0 sets'
    """
    ranks = Counter(rank_of(one) for one in sets)
    states = Counter(legible_line(one["properties"]["state"]) for one in sets if rank_of(one) is Rank.REST)
    parts = [f"{ranks[rank]} {word}" for rank, word in WORDS.items() if ranks[rank]]
    parts += [f"{count} {state}" for state, count in sorted(states.items(), key=lambda pair: (-pair[1], pair[0]))]
    total = f"{len(sets)} set{'' if len(sets) == 1 else 's'}"
    return f"{total}: {', '.join(parts)}" if parts else total


def bar(upgrade: Json) -> str:
    """How far it is, in letters.

    >>> bar({"progress": {"successfulInstanceCount": 5, "inProgressInstanceCount": 5, "pendingInstanceCount": 10}})
    '##~~......'
    """
    counts = upgrade.get("progress") or {}
    names = ("successful", "failed", "inProgress", "pending")
    successful, failed, works, waits = (int(counts.get(f"{name}InstanceCount", 0)) for name in names)
    done = successful + failed
    total = max(1, done + works + waits)
    full = done * BAR // total
    under_way = (done + works) * BAR // total - full
    return "#" * full + "~" * under_way + "." * (BAR - full - under_way)


def facts_of(one: Json, now: datetime, ends: str = "") -> list[str]:
    """The same, with how long it has run and when it would end."""
    facts = steady_facts_of(one)
    if not runs(one):
        return facts
    facts.append(took(one["properties"]["upgrade"], now))
    if at := instant(ends):
        facts.append(f"ends {at:%H:%MZ}" if at.date() == now.date() else f"ends {at:%m-%d %H:%MZ}")
    return facts


def runs(one: Json) -> bool:
    """Whether an upgrade of it runs."""
    upgrade = one["properties"].get("upgrade")
    return bool(upgrade) and "endTime" not in upgrade


def steady_facts_of(one: Json) -> list[str]:
    """Of a set whose upgrade runs, what changes only when something happens: bar, machines, batch, target, who."""
    upgrade = one["properties"].get("upgrade") or {}
    if not runs(one):
        return [legible_line(one["properties"]["state"])]
    facts = [bar(upgrade), progressed(upgrade)]
    if upgrade.get("batch"):
        facts.append(f"batch {upgrade['batch']}")
    return [*facts, f"to {target_of(upgrade)}", who(upgrade)]


def target_of(upgrade: Json) -> str:
    """The version, or the model, that it goes to."""
    return legible_line(str(upgrade.get("targetVersion") or f"model {upgrade.get('generation', '?')}"))


def waits_of(one: Json) -> str:
    """What it needs or waits for, in one sentence; "" for nothing."""
    told = one["properties"]
    upgrade = told.get("upgrade") or {}
    if needed := needs(one):
        return legible_line(needed)
    if upgrade.get("waitsFor"):
        return legible_line(f"waits since {moment(upgrade['waitsSince'])}: {upgrade['waitsFor']}")
    return legible_line(f"parked: {told['reason']}") if told["state"] == "parked" else ""


def board(sets: Sequence[Json], width: int, height: int, now: datetime, ends: Mapping[str, str]) -> list[Line]:
    """So many lines at the most, none wider; `ends`: when upgrades would end, by the id of their set."""
    lines = [Line(text, "bold") for text in chop_cells(counted(sets), width)]
    names, shown = names_of(sets), [one for one in in_order(sets) if rank_of(one) is not Rank.REST]
    for number, one in enumerate(shown):
        its = _lines(one, names[one["id"]], width, now, ends.get(one["id"], ""))
        left = len(shown) - number
        # One line is kept for those that do not fit, unless this one is the last.
        if len(lines) + len(its) + (left > 1) > height:
            lines.append(Line(_cut(f"and {left} more: instar list shows them all", width), "dim"))
            break
        lines += its
    return lines[:height]


def _lines(one: Json, name: str, width: int, now: datetime, ends: str) -> list[Line]:
    facts, style = "  ".join(facts_of(one, now, ends)), STYLES[rank_of(one)]
    if cell_len(name) + 2 + cell_len(facts) <= width:
        lines = [Line(f"{name}  {facts}", style)]
    else:
        lines = [Line(part, style) for part in chop_cells(name, width)]
        lines.append(Line(_cut(f"  {facts}", width), style))
    waits = waits_of(one)
    return [*lines, Line(_cut(f"  {waits}", width), "dim")] if waits else lines


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"
