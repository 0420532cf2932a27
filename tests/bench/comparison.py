"""A run beside what was kept of a release: each ratio and count over what it was then.

No time is compared: the machine is another one, or is busy with something else.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.bench.figures import Better
from tests.bench.report import Machine, Measured, Report

NOISE = 1.15
"""How much worse the same code is now and then on a machine that is shared."""
BUSY = 0.5
"""Load for each processor above which a machine counts as busy."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, then and now."""

    name: str
    then: float
    now: float
    better: Better

    @property
    def over(self) -> float:
        """Now over then; infinite where it was nothing and is something."""
        return _over(self.now, self.then)

    @property
    def worse(self) -> float:
        """How much worse, as a factor: 1 for as good, less for better. Either way round, whichever is better."""
        return self.over if self.better is Better.LOWER else _over(self.then, self.now)


def _over(one: float, other: float) -> float:
    if other == 0:
        return 1.0 if one == 0 else float("inf")
    return one / other


@dataclass(frozen=True, slots=True)
class Comparison:
    """What can be compared, and what has to be told beside it."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def worse_than(self, factor: float) -> tuple[Row, ...]:
        """Those that are worse by more than that factor."""
        return tuple(row for row in self.rows if row.worse > factor)


def compare(now: Report, then: Report) -> Comparison:
    """Figure by figure, in the order of the run. Whatever is not compared is told."""
    notes = [*_settings(now, then), *_machines(now.machine, then.machine), *_loads(now, then)]
    rows, other = [], []
    if now.settings == then.settings:
        for name, one in now.figures.items():
            if one.comparable and name in then.figures:
                was = then.figures[name]
                if _alike(one, was):
                    rows.append(Row(name, was.value, one.value, one.better))
                else:
                    other.append(name)
        notes += _named(f"of another kind in {then.release}, and not compared", other)
        notes += _named("new, nothing to compare with", _only_in(now, then))
        notes += _named(f"kept of {then.release} and not measured now", _only_in(then, now))
    return Comparison(tuple(rows), tuple(notes))


def _alike(one: Measured, other: Measured) -> bool:
    return (one.unit, one.better) == (other.unit, other.better)


def _only_in(one: Report, other: Report) -> list[str]:
    return [name for name, figure in one.figures.items() if figure.comparable and name not in other.figures]


def _named(what: str, names: Iterable[str]) -> list[str]:
    listed = ", ".join(names)
    return [f"{what}: {listed}"] if listed else []


def _settings(now: Report, then: Report) -> list[str]:
    if now.settings == then.settings:
        return []
    names = sorted({name for name, _ in now.settings.items() ^ then.settings.items()})
    return [f"nothing is compared: {then.release} was measured with another {', '.join(names)}"]


def _machines(now: Machine, then: Machine) -> list[str]:
    facts = ((f"{one.cpus} processors", one.processor, f"{one.memory_mib} MiB", one.system) for one in (then, now))
    differ = [f"{was}, here {here}" for was, here in zip(*facts, strict=True) if was != here]
    return [f"kept on another machine: {'; '.join(differ)}"] if differ else []


def _loads(now: Report, then: Report) -> list[str]:
    told = []
    for whose, machine in (("this run", now.machine), (then.release, then.machine)):
        if (load := machine.load_at_start[0]) > BUSY * machine.cpus:
            told.append(f"{whose} was measured on a busy machine: load {load:.1f} on {machine.cpus} processors")
    return told
