"""Many instance ids in little space.

Ten thousand ids travel through every step of an upgrade and through each continue-as-new. Batches are taken nearly
in the order of ids, so ranges say in a few bytes what a list says in sixty thousand.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Self

from pydantic import BaseModel, ConfigDict, field_validator


class InstanceIds(BaseModel):
    """An immutable ordered set of instance ids, kept as ranges: `"0-3,7"`.

    >>> ids = InstanceIds.of(["3", "1", "2", "7"])
    >>> ids.ranges
    '1-3,7'
    >>> list(ids), len(ids), "2" in ids
    (['1', '2', '3', '7'], 4, True)
    >>> (ids - InstanceIds.of(["2"])).ranges, (ids | InstanceIds.of(["8"])).ranges
    ('1,3,7', '1-3,7-8')
    """

    model_config = ConfigDict(frozen=True)

    ranges: str = ""

    @field_validator("ranges")
    @classmethod
    def _well_formed(cls, ranges: str) -> str:
        spans = list(_spans(ranges))
        if any(first > last for first, last in spans) or any(a[1] >= b[0] for a, b in pairwise(spans)):
            raise ValueError(f"'{ranges}' is no ascending list of ranges of instance ids")
        return ranges

    @classmethod
    def of(cls, ids: Iterable[str]) -> Self:
        """The ids, in any order, each once. Raises ValueError for an id that is no decimal number."""
        return cls._of_numbers(int(instance_id) for instance_id in ids)

    @classmethod
    def _of_numbers(cls, numbers: Iterable[int]) -> Self:
        spans: list[list[int]] = []
        for number in sorted(dict.fromkeys(numbers)):
            if spans and spans[-1][1] == number - 1:
                spans[-1][1] = number
            else:
                spans.append([number, number])
        return cls(ranges=",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans))

    def numbers(self) -> Iterator[int]:
        """The ids as numbers, ascending."""
        for first, last in _spans(self.ranges):
            yield from range(first, last + 1)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # a set of ids iterates over ids, not over fields
        return (str(number) for number in self.numbers())

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in _spans(self.ranges))

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __contains__(self, instance_id: str) -> bool:
        number = int(instance_id)
        return any(first <= number <= last for first, last in _spans(self.ranges))

    def __or__(self, other: Self) -> Self:
        return self._of_numbers((*self.numbers(), *other.numbers()))

    def __sub__(self, other: Self) -> Self:
        taken = dict.fromkeys(other.numbers())
        return self._of_numbers(number for number in self.numbers() if number not in taken)

    def __and__(self, other: Self) -> Self:
        kept = dict.fromkeys(other.numbers())
        return self._of_numbers(number for number in self.numbers() if number in kept)

    def slices(self, at_most: int) -> tuple[Self, ...]:
        """At most that many parts of even size, none empty.

        >>> [part.ranges for part in InstanceIds(ranges="0-9").slices(3)]
        ['0-3', '4-6', '7-9']
        """
        numbers = list(self.numbers())
        count = min(at_most, len(numbers))
        size, extra = divmod(len(numbers), count) if count else (0, 0)
        parts, start = [], 0
        for index in range(count):
            end = start + size + (index < extra)
            parts.append(self._of_numbers(numbers[start:end]))
            start = end
        return tuple(parts)


def _spans(ranges: str) -> Iterator[tuple[int, int]]:
    for span in filter(None, ranges.split(",")):
        first, _, last = span.partition("-")
        yield int(first), int(last or first)
