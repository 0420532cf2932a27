"""What goes wrong on purpose: faults that wait in the fleet's file for the call they are meant for.

A fault is consumed in the file before it shows, so that it strikes as often as told whichever process meets it, and a
test can ask afterwards whether it struck.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FaultKind(StrEnum):
    """What goes wrong."""

    THROTTLED = "throttled"
    """Raises Throttled with `retry_after`; nothing was done."""

    UNAVAILABLE = "unavailable"
    """Raises Unavailable; nothing was done."""

    DISK_NOT_MADE = "disk-not-made"
    """A swap raises DiskNotMade; the machine runs on."""

    ANSWER_LOST = "answer-lost"
    """The work is done, then Unavailable is raised."""

    LATE = "late"
    """A swap, restore or application of a model stands still just before its commit until it is released (F2)."""

    DIES = "dies"
    """The process kills itself at `point` of a swap, restore or application of a model (F1)."""


class Call(StrEnum):
    """Which call is meant."""

    LIST = "list"
    OBSERVE = "observe"
    CREATE = "create"
    DELETE = "delete"
    SWAP = "swap"
    RESTORE = "restore"
    DISCARD = "discard"
    APPLY = "apply"
    POWER = "power"
    GIVE_BACK = "give-back"


IN_STEPS = (Call.SWAP, Call.RESTORE, Call.GIVE_BACK, Call.APPLY)
"""Calls that go through the points below."""


class Point(StrEnum):
    """Where in a swap or restore a process may die, in the order in which they are passed.

    Only a swap makes a disk: for the others AFTER_DISK_MADE is the same place, between the look and the stop.
    AFTER_COMMIT is before custom data and extensions run, BEFORE_EXTENSION is passed before the end of each of them.
    """

    BEFORE_LOOK = "before-look"
    AFTER_DISK_MADE = "after-disk-made"
    AFTER_STOP = "after-stop"
    AFTER_COMMIT = "after-commit"
    BEFORE_EXTENSION = "before-extension"
    ANSWER_UNSENT = "answer-unsent"


class Fault(BaseModel):
    """One thing that goes wrong, `times` times. Empty `scale_set` (a unique id) or `instance_id`: whichever comes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    call: Call
    scale_set: str = ""
    instance_id: str = ""
    times: int = Field(default=1, ge=1)
    retry_after: timedelta = Field(default=timedelta(seconds=1), ge=timedelta(0))
    point: Point | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if (self.kind is FaultKind.DIES) != (self.point is not None):
            raise ValueError("a point belongs to the fault 'dies', and only to it")
        if self.kind in (FaultKind.DIES, FaultKind.LATE) and self.call not in IN_STEPS:
            raise ValueError(f"'{self.kind}' strikes {', '.join(IN_STEPS)}, not '{self.call}'")
        if self.kind is FaultKind.DISK_NOT_MADE and self.call is not Call.SWAP:
            raise ValueError("only a swap makes a disk")
        return self


@dataclass(frozen=True, slots=True)
class ArmedFault:
    """A fault that still waits, and its number."""

    number: int
    fault: Fault

    def strikes(
        self,
        kind: FaultKind,
        call: Call,
        scale_set: str,
        concerns: Callable[[str], bool],
        point: Point | None = None,
    ) -> bool:
        """Whether it is meant for this call; `concerns` says of an instance id whether the call is about it."""
        fault = self.fault
        return (
            fault.kind is kind
            and fault.call is call
            and fault.point is point
            and (not fault.scale_set or fault.scale_set == scale_set)
            and (not fault.instance_id or concerns(fault.instance_id))
        )
