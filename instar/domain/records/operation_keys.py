"""What tells one operation on a set's machines from every other, for ever (docs/rules.md F2, F7).

The number alone is no key: it is given again where the records were restored from a backup. So whoever begins an
operation draws something for it; "" is what release 0.1 drew.
"""

DRAWN_IN_NAMES = 8
"""Letters of what was drawn that stand in the name of a disk."""


def operation_key(unique_id: str, number: int, drawn: str = "") -> str:
    """What marks a disk as made, or put aside, by one operation of one set: `<unique id>/<number>[/<drawn>]`.

    >>> operation_key("0b6c", 3, "71f0c2a9"), operation_key("0b6c", 3)
    ('0b6c/3/71f0c2a9', '0b6c/3')
    """
    key = f"{unique_id}/{number}"
    return f"{key}/{drawn}" if drawn else key


def number_and_drawn(key: str) -> tuple[int, str]:
    """The parts of a key again; (0, "") of what is none: a disk that no operation made.

    >>> number_and_drawn("0b6c/3/71f0c2a9"), number_and_drawn("0b6c/3"), number_and_drawn("")
    ((3, '71f0c2a9'), (3, ''), (0, ''))
    """
    _, _, rest = key.partition("/")
    number, _, drawn = rest.partition("/")
    return (int(number), drawn) if number.isdigit() else (0, "")


def operation_tag(key: str) -> str:
    """Number and beginning of what was drawn, for names that people read.

    >>> operation_tag("0b6c/3/71f0c2a9-8d0e-4b3c-9a56-3d8a1f0b7e11"), operation_tag("0b6c/3")
    ('3_71f0c2a9', '3')
    """
    number, drawn = number_and_drawn(key)
    return f"{number}_{drawn[:DRAWN_IN_NAMES]}" if drawn else str(number)
