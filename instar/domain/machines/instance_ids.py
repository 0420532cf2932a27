"""Many instance ids in little space.

A hundred thousand ids travel through every step of an upgrade and through each continue-as-new. Batches are taken
nearly in the order of ids, so ranges say in a few bytes what a list says in six hundred thousand.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain, pairwise
from typing import Self

from pydantic import BaseModel, ConfigDict, field_validator

Spans = Iterable[tuple[int, int]]


class InstanceIds(BaseModel):
    """An immutable ordered set of instance ids, kept as ranges: `"0-3,7"`.

    Each operation costs as much as there are ranges, not as there are ids.

    >>> ids = InstanceIds.of(["3", "1", "2", "7"])
    >>> ids.ranges
    '1-3,7'
    >>> list(ids), len(ids), "2" in ids
    (['1', '2', '3', '7'], 4, True)
    >>> (ids - InstanceIds.of(["2"])).ranges, (ids | InstanceIds.of(["8"])).ranges
    ('1,3,7', '1-3,7-8')
    """

    model_config = ConfigDict(frozen=True, ignored_types=(cached_property,))

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
        return cls._of_spans((number, number) for number in sorted(map(int, ids)))

    @classmethod
    def _of_spans(cls, spans: Spans) -> Self:
        """Of spans in the order of their beginnings, which may touch and overlap."""
        text: list[str] = []
        first = last = -1
        for begin, end in spans:
            if text and begin <= last + 1:
                if end > last:
                    last = end
                    text[-1] = f"{first}-{last}"
            else:
                first, last = begin, end
                text.append(str(first) if first == last else f"{first}-{last}")
        # They are in order: nothing is to be checked again.
        return cls.model_construct(ranges=",".join(text))  # type: ignore[return-value]  # pydantic's plugin says less

    @cached_property
    def bounds(self) -> "tuple[array[int], array[int]]":
        """The first and the last id of each range, as numbers: 16 bytes a range, worked out when first asked for."""
        firsts, lasts = array("q"), array("q")
        for first, last in _spans(self.ranges):
            firsts.append(first)
            lasts.append(last)
        return firsts, lasts

    def spans(self) -> Iterator[tuple[int, int]]:
        """Every range as its first and last id."""
        return zip(*self.bounds, strict=True)

    def numbers(self) -> Iterator[int]:
        """The ids as numbers, ascending."""
        return chain.from_iterable(range(first, last + 1) for first, last in self.spans())

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # a set of ids iterates over ids, not over fields
        return map(str, self.numbers())

    def __len__(self) -> int:
        firsts, lasts = self.bounds
        return sum(lasts) - sum(firsts) + len(firsts)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __contains__(self, instance_id: str) -> bool:
        number, (firsts, lasts) = int(instance_id), self.bounds
        place = bisect_right(firsts, number) - 1
        return place >= 0 and number <= lasts[place]

    def __or__(self, other: Self) -> Self:
        if not (self.ranges and other.ranges):
            return self if self.ranges else other
        return self._of_spans(sorted(chain(self.spans(), other.spans())))

    def __sub__(self, other: Self) -> Self:
        return self._of_spans(_without(self.spans(), other.spans())) if self.ranges and other.ranges else self

    def __and__(self, other: Self) -> Self:
        return self - (self - other)

    def slices(self, at_most: int) -> tuple[Self, ...]:
        """At most that many parts of even size, none empty.

        >>> [part.ranges for part in InstanceIds(ranges="0-9").slices(3)]
        ['0-3', '4-6', '7-9']
        """
        count = min(at_most, len(self))
        size, extra = divmod(len(self), count) if count else (0, 0)
        spans = self.spans()
        parts, (first, last) = [], next(spans, (0, -1))
        for index in range(count):
            wanted, part = size + (index < extra), list[tuple[int, int]]()
            while wanted:
                end = min(last, first + wanted - 1)
                part.append((first, end))
                wanted -= end - first + 1
                first, last = (end + 1, last) if end < last else next(spans, (0, -1))
            parts.append(self._of_spans(part))
        return tuple(parts)


def _spans(ranges: str) -> Iterator[tuple[int, int]]:
    for span in filter(None, ranges.split(",")):
        first, _, last = span.partition("-")
        yield int(first), int(last or first)


def _without(spans: Iterator[tuple[int, int]], others: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What is left of spans once the others are taken out; both ascend."""
    begin, end = next(others, (0, -1))
    taken = end >= begin
    for first, last in spans:
        at = first
        while taken and begin <= last:
            if end >= at:
                if begin > at:
                    yield at, begin - 1
                at = end + 1
            if end > last:
                break
            begin, end = next(others, (0, -1))
            taken = end >= begin
        if at <= last:
            yield at, last
