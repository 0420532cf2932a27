"""The machines of a set as the page draws them: cells, and batches."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.page.sets.doing import LOOKS, PARTS, Look
from instar.domain.records.machine_doing import Doing

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch of the newest upgrade."""

    number: int
    machines: int
    parts: tuple[tuple[str, int], ...]
    """Of its bar."""
    words: str
    """What its machines do, with their counts."""
    began: str
    """A moment; "" where the decisions do not tell."""
    judged: str
    verdict: str
    """The sentence after it; "" while it is worked on."""


def cells(machines: Mapping[str, Any]) -> str:
    """For the script that draws them; "" where the machines are not known.

    Of each group that is told alike `[doing, ids as ranges, batch, zone, update domain, version, health]`.
    """
    if "groups" not in machines:
        return ""
    rows = [
        [
            one["doing"],
            one["instances"],
            one["batch"],
            one.get("zone", ""),
            one["updateDomain"],
            one.get("version", ""),
            one.get("health", ""),
        ]
        for one in machines["groups"]
    ]
    return json.dumps(rows, ensure_ascii=True, separators=(",", ":"))


def counted(groups: Iterable[Json]) -> list[tuple[Doing, int]]:
    """How many machines do what, in the order of `Doing`."""
    counts: Counter[Doing] = Counter()
    for one in groups:
        counts[Doing(one["doing"])] += one["count"]
    return [(doing, counts[doing]) for doing in Doing if counts[doing]]


def words_of(counts: Iterable[tuple[Doing, int]]) -> str:
    """The same in words.

    >>> words_of([(Doing.ON_TARGET, 3), (Doing.FAILED, 1)])
    '3 healthy on the target, 1 failed'
    """
    return ", ".join(f"{count} {LOOKS[doing].word}" for doing, count in counts)


def parts_of(counts: Iterable[tuple[Doing, int]]) -> tuple[tuple[str, int], ...]:
    """Of a bar."""
    found: Counter[str] = Counter()
    for doing, count in counts:
        found[LOOKS[doing].part] += count
    return tuple((part, found[part]) for part in PARTS if found[part])


@dataclass(frozen=True, slots=True)
class Tallied:
    """How many machines do one thing."""

    doing: str
    look: Look
    count: int


def tally(groups: Iterable[Json]) -> list[Tallied]:
    """All machines of a set by what they do: a legend of their cells, with counts."""
    return [Tallied(doing.value, LOOKS[doing], count) for doing, count in counted(groups)]


def legend() -> str:
    """For the script that draws cells: `[letter, colour, words]` by what a machine does."""
    return json.dumps({doing.value: [look.letter, look.part, look.word] for doing, look in LOOKS.items()})


def batches(groups: Sequence[Json], decisions: Sequence[Json]) -> list[BatchView]:
    """The batches of an upgrade, the newest first."""
    began = {one["batch"]: one["time"] for one in reversed(decisions) if one["action"] == "batch"}
    verdicts = {one["batch"]: one for one in decisions if one["action"] == "verdict"}
    numbers = sorted({one["batch"] for one in groups} - {0} | set(began), reverse=True)
    found = []
    for number in numbers:
        counts = counted(one for one in groups if one["batch"] == number)
        verdict = verdicts.get(number, {})
        found.append(
            BatchView(
                number=number,
                machines=sum(count for _, count in counts),
                parts=parts_of(counts),
                words=words_of(counts),
                began=began.get(number, ""),
                judged=verdict.get("time", ""),
                verdict=verdict.get("reason", ""),
            )
        )
    return found
