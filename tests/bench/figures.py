"""A figure: what was measured, in what, and which way is better."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which of two values of a figure one would rather have."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


RATIO = "ratio"
"""Of two things that were measured in the same run: the machine is in both, and so in neither."""
COUNT = "count"
"""Of what was done, not of how long it took: no machine is in it."""
COMPARABLE = frozenset({RATIO, COUNT})
"""Figures of these units say something about another run, on another machine or a busier one."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. Raises ValueError for what is no number."""

    value: float
    unit: str
    better: Better = Better.LOWER

    def __post_init__(self) -> None:
        # Also true of not-a-number.
        if not abs(self.value) < float("inf"):
            raise ValueError(f"a figure is a finite number, not {self.value} {self.unit}")

    @property
    def comparable(self) -> bool:
        """Whether it says anything beside one of another run."""
        return self.unit in COMPARABLE and self.better is not Better.NEITHER


Figures = Mapping[str, Figure]


def ratio(value: float, better: Better = Better.LOWER) -> Figure:
    """One time over another of the same run. Compared with those of other runs."""
    return Figure(value, RATIO, better)


def count(value: float, better: Better = Better.LOWER) -> Figure:
    """How often, how many for each. Compared with those of other runs."""
    return Figure(value, COUNT, better)


def seconds(value: float) -> Figure:
    """A time, of the clock or of a processor."""
    return Figure(value, "s")


def milliseconds(value: float) -> Figure:
    """A short time."""
    return Figure(value, "ms")


def per_second(value: float) -> Figure:
    """A pace."""
    return Figure(value, "1/s", Better.HIGHER)


def mebibytes(value: float) -> Figure:
    """Memory, or what travels."""
    return Figure(value, "MiB")


def percent_of_a_core(value: float) -> Figure:
    """How busy a process keeps one core."""
    return Figure(value, "% of a core")


def told(value: float, unit: str = COUNT) -> Figure:
    """What was given, not what came of it: shown, never compared."""
    return Figure(value, unit, Better.NEITHER)
