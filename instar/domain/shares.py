"""Percentages of instances (docs/rules.md B1)."""


def share(instances: int, percent: int) -> int:
    """How many instances a percentage allows to be out at once: rounded down, never less than one (B1).

    >>> [share(n, 20) for n in (1, 9, 10, 100, 1000)]
    [1, 1, 2, 20, 200]
    """
    return max(1, instances * percent // 100)
