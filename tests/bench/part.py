"""A part of the bench: what every module in `parts` has one of."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tests.bench.figures import Figures

_NAME = re.compile(r"[a-z][a-z0-9_]*")
UNSIZED = 0
"""The size of a part that has none."""


@dataclass(frozen=True, slots=True)
class Part:
    """What `--only NAME` measures, and how.

    `measure` is called once for each size, the larger ones last, and gives its figures by a name of letters, digits and
    `_`; they are told as `NAME.SIZE.FIGURE`, as `NAME.FIGURE` where the part has no sizes. `sizes` are those of a whole
    run, `quick` those of `QUICK=1`, which is to end within five minutes: none, and a quick run leaves the part out.
    `bounds` are shown beside the figures and never asserted: by the figure's name within the part, `*` for whatever.
    Raises ValueError for names that cannot be asked for.
    """

    name: str
    help: str
    measure: Callable[[int], Figures]
    sizes: tuple[int, ...] = (UNSIZED,)
    quick: tuple[int, ...] = ()
    bounds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"a part is named by small letters, digits and _, not {self.name!r}")
        if not self.help.strip() or "\n" in self.help:
            raise ValueError(f"{self.name} says in one line what it measures")
        if not self.sizes or min((*self.sizes, *self.quick)) < 0 or (UNSIZED in self.sizes and len(self.sizes) > 1):
            raise ValueError(f"{self.name} has sizes above zero, or none")

    @property
    def sized(self) -> bool:
        """Whether it can be asked for at sizes."""
        return self.sizes != (UNSIZED,)

    def prefix(self, size: int) -> str:
        """What the names of its figures begin with."""
        return f"{self.name}.{size}." if self.sized else f"{self.name}."

    def bound(self, name: str) -> float | None:
        """At most this much, of the figure of that whole name; None where nothing is said of it."""
        own = name.removeprefix(f"{self.name}.")
        return next((most for pattern, most in self.bounds.items() if fnmatchcase(own, pattern)), None)
