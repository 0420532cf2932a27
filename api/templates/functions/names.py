"""Names that are the same for the same words, as Azure computes them: `uniqueString` and `guid`."""

import uuid

_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
"""In which `guid` makes its names."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_WORD = 0xFFFFFFFF
_FIRST, _SECOND = 597399067, 2869860233
"""What the two halves of a block are multiplied by."""


def unique_string(*parts: str) -> str:
    """Thirteen letters and digits: those that Azure gives, so that names made of them are the same here and there.

    >>> unique_string("tyeth")
    'zcztcwvu6iyg6'
    """
    number = _murmur("-".join(parts).encode())
    return "".join(_LETTERS[(number << 5 * at >> 59) & 31] for at in range(13))


def named_guid(*parts: str) -> str:
    """A GUID: UUID version 5 of the words.

    >>> named_guid("a", "b") == named_guid("a-b")
    True
    """
    return str(uuid.uuid5(_NAMESPACE, "-".join(parts)))


def _murmur(data: bytes) -> int:
    """MurmurHash3 for machines of 32 bits, in the variant of 64 bits that Azure has."""
    low = high = 0
    whole = len(data) // 8 * 8
    for at in range(0, whole, 8):
        low ^= _mixed(data[at : at + 4], _FIRST, _SECOND, 15)
        low = ((_turned(low, 19) + high) * 5 + 1444728091) & _WORD
        high ^= _mixed(data[at + 4 : at + 8], _SECOND, _FIRST, 17)
        high = ((_turned(high, 13) + low) * 5 + 197830471) & _WORD
    low ^= _mixed(data[whole : whole + 4], _FIRST, _SECOND, 15)
    high ^= _mixed(data[whole + 4 :], _SECOND, _FIRST, 17)
    low, high = _added(low ^ len(data), high ^ len(data))
    low, high = _added(_avalanche(low), _avalanche(high))
    return high << 32 | low


def _mixed(part: bytes, first: int, second: int, by: int) -> int:
    number = int.from_bytes(part, "little") * first & _WORD
    return _turned(number, by) * second & _WORD


def _turned(number: int, by: int) -> int:
    return (number << by | number >> (32 - by)) & _WORD


def _added(low: int, high: int) -> tuple[int, int]:
    low = (low + high) & _WORD
    return low, (high + low) & _WORD


def _avalanche(number: int) -> int:
    number = (number ^ number >> 16) * 2246822507 & _WORD
    number = (number ^ number >> 13) * 3266489909 & _WORD
    return number ^ number >> 16
