"""What of the bench is asked for: every part, the quick ones, or those that are named."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.bench.part import Part
from tests.bench.registry import PARTS


@dataclass(frozen=True, slots=True)
class Measurement:
    """A part at one size."""

    part: Part
    size: int

    def __str__(self) -> str:
        return self.part.prefix(self.size).rstrip(".")


def measurements(named: Sequence[str], *, quick: bool = False, parts: Iterable[Part] = PARTS) -> list[Measurement]:
    """Those to take, in their order. `named`: `NAME` or `NAME:SIZE,SIZE`. Raises ValueError for what there is not."""
    known = {part.name: part for part in parts}
    if not named:
        return [Measurement(one, size) for one in known.values() for size in (one.quick if quick else one.sizes)]
    sizes: dict[str, tuple[int, ...]] = {}
    for word in named:
        name, colon, given = word.partition(":")
        if name not in known:
            raise ValueError(f"there is no part {name!r}: there are {', '.join(known)}")
        if name in sizes:
            raise ValueError(f"{name} is asked for twice: name its sizes together, as {name}:100,1000")
        part = known[name]
        sizes[name] = _sizes(part, given) if colon else (part.quick if quick and part.quick else part.sizes)
    return [Measurement(known[name], size) for name in known if name in sizes for size in sizes[name]]


def _sizes(part: Part, given: str) -> tuple[int, ...]:
    if not part.sized:
        raise ValueError(f"{part.name} has no sizes: ask for {part.name} alone")
    words = given.split(",")
    if not all(word.isascii() and word.isdigit() and int(word) for word in words):
        raise ValueError(f"{given!r} is no list of sizes for {part.name}: whole numbers above zero, as 100,1000")
    return tuple(sorted({int(word) for word in words}))
