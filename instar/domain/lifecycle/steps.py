"""All that a scale set may do next: a closed set, each step with its reason as half a sentence (P17).

Two steps are equal if they do the same thing to the same end. While one is under way and `next_step` names another, the
one under way is cut short: it comes back later where it is still wanted.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EndOperations:
    """Write down the ends of operations that were decided."""

    @property
    def reason(self) -> str:
        """Why."""
        return "operations have come to their end"


@dataclass(frozen=True, slots=True)
class TellUpgrade:
    """Pass a cancel on to the upgrade that runs (P14)."""

    number: int

    @property
    def reason(self) -> str:
        """Why."""
        return f"upgrade {self.number} is to end"


@dataclass(frozen=True, slots=True)
class LookAfter:
    """See whether the running upgrade's workflow was closed without a word (F1)."""

    number: int

    @property
    def reason(self) -> str:
        """Why."""
        return f"does upgrade {self.number} still run?"


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete every machine and what is stored."""

    @property
    def reason(self) -> str:
        """Why."""
        return "the scale set is being deleted"


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing is left: the workflow ends."""

    @property
    def reason(self) -> str:
        """Why."""
        return "the scale set is deleted"


@dataclass(frozen=True, slots=True)
class Record:
    """Write down for readers where the set stands (A4)."""

    @property
    def reason(self) -> str:
        """Why."""
        return "there is something new to read"


@dataclass(frozen=True, slots=True)
class ApplyCapacity:
    """As many machines as this model generation says (P16)."""

    generation: int

    @property
    def reason(self) -> str:
        """Why."""
        return f"model generation {self.generation} was stored"


@dataclass(frozen=True, slots=True)
class Act:
    """Do to instances what this operation asked."""

    operation_id: str
    what: str

    @property
    def reason(self) -> str:
        """Why."""
        return f"{self.what} was asked of instances"


@dataclass(frozen=True, slots=True)
class Begin:
    """Find out what a start by hand is pinned to, and start the upgrade (P1, T4)."""

    number: int

    @property
    def reason(self) -> str:
        """Why."""
        return f"upgrade {self.number} was started by hand"


@dataclass(frozen=True, slots=True)
class Bring:
    """Bring the instances to the newest model, in the way of its mode (P1)."""

    generation: int

    @property
    def reason(self) -> str:
        """Why."""
        return f"instances are to be on model generation {self.generation}"


@dataclass(frozen=True, slots=True)
class Look:
    """Look at the catalogue for a newer image version (T1, T2)."""

    @property
    def reason(self) -> str:
        """Why."""
        return "it is time to look for a newer version"


@dataclass(frozen=True, slots=True)
class Collect:
    """Delete the kept OS disks that these upgrades put aside (P5)."""

    numbers: tuple[int, ...]

    @property
    def reason(self) -> str:
        """Why."""
        return "kept OS disks whose time is over"


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done before that moment, or before somebody asks for something."""

    until: datetime | None

    @property
    def reason(self) -> str:
        """Why."""
        return "nothing is due"


Step = (
    EndOperations
    | TellUpgrade
    | LookAfter
    | Delete
    | Leave
    | Record
    | ApplyCapacity
    | Act
    | Begin
    | Bring
    | Look
    | Collect
    | Wait
)

URGENCY: tuple[type[Step], ...] = (
    EndOperations,
    Leave,
    TellUpgrade,
    LookAfter,
    Delete,
    Record,
    ApplyCapacity,
    Act,
    Begin,
    Bring,
    Look,
    Collect,
    Wait,
)
"""The most urgent first: a deletion beats a newer model beats the rest (F10).

What comes before Delete only writes something down or asks Temporal itself: it takes no machine."""
