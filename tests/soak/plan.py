"""What happens in one run: a pure function of its seed."""

import random
from dataclasses import dataclass

SETS = ("one", "two", "three")
SIZE_AT_MOST = 60

LOAD_SECONDS = 40.0
PAUSE_SECONDS = (0.2, 1.8)
"""Between two moves."""

FAULTS = (
    "kill worker",
    "kill api",
    "kill temporal",
    "kill all",
    "stop worker",
    "throttle swap",
    "throttle create",
    "throttle power",
    "lose answers",
    "away list",
    "full disk",
    "read-only disk",
    "clock back",
)
ON_POSTGRESQL = ("kill postgres",)
"""Only where the store is there."""

WISHES = (
    "start",
    "cancel",
    "grow",
    "shrink",
    "restart",
    "reimage",
    "manualupgrade",
    "model",
    "automatic",
    "delete instance",
    "publish good",
    "publish bad",
    "delete set",
)
FAULT_SHARE = 0.25
"""Of all moves."""


@dataclass(frozen=True)
class Move:
    """One thing that is done: a fault, or a wish about a set; `number` says how much of it."""

    after: float
    """Seconds after the move before it."""
    kind: str
    scale_set: str = ""
    number: int = 0

    def __str__(self) -> str:
        return " ".join(filter(None, (f"{self.kind}", self.scale_set, str(self.number) if self.number else "")))


@dataclass(frozen=True)
class Plan:
    """One run."""

    seed: int
    sizes: dict[str, int]
    pairs: bool
    """Two workers and two APIs."""
    postgresql: bool
    """The store is on PostgreSQL, where the machine has it."""
    moves: tuple[Move, ...]


def planned(seed: int) -> Plan:
    """The run of that seed."""
    chance = random.Random(seed)
    sizes = {name: chance.randint(1, SIZE_AT_MOST) for name in SETS}
    pairs, postgresql = chance.random() < 0.5, chance.random() < 0.5  # a half of all runs
    faults = (*FAULTS, *(ON_POSTGRESQL if postgresql else ()))
    moves, left = [], LOAD_SECONDS
    while left > 0:
        after = chance.uniform(*PAUSE_SECONDS)
        left -= after
        if chance.random() < FAULT_SHARE:
            moves.append(Move(after, chance.choice(faults)))
        else:
            wish = chance.choice(WISHES)
            moves.append(Move(after, wish, chance.choice(SETS), chance.randint(1, 5)))
    return Plan(seed, sizes, pairs, postgresql, tuple(moves))
