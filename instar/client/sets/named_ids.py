"""Instances as a person names them: `0,3-5`."""

from instar.errors import Trouble

IDS_AT_MOST = 10_000


def ids_of(text: str, known: str = "0,3-5") -> list[str]:
    """The ids, in the order of the naming. Raises Trouble, which says what may be written (`known`).

    >>> ids_of("7,3-5")
    ['7', '3', '4', '5']
    """
    ids: list[str] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        numbers = [first, last] if dash else [first, first]
        if not all(one.isascii() and one.isdigit() and len(one) <= 9 for one in numbers):  # noqa: PLR2004  # as the API
            raise Trouble(f"'{text[:60]}' names no instances: write {known}")
        begin, end = int(numbers[0]), int(numbers[1])
        if end < begin or end - begin + len(ids) >= IDS_AT_MOST:
            raise Trouble(
                f"'{part.strip()}' is no range of at most {IDS_AT_MOST} instances, from the lower to the higher"
            )
        ids += [str(number) for number in range(begin, end + 1)]
    return ids
