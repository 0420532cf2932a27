"""Records that are older than the machines: the question, and what was taken over from these (docs/rules.md F7)."""

from pydantic import Field

from instar.domain.message import Message
from instar.domain.sets.policies import UpgradeMode
from instar.domain.sets.scale_sets import ScaleSetIdentity


class RecordsAge(Message):
    """Are the records of this set older than its machines?"""

    scale_set: ScaleSetIdentity


class RecordsAgeFound(Message):
    """A sentence that says why; "" if they are not."""

    reason: str = ""


class OperationOfDisks(Message):
    """An operation that put OS disks aside which are still kept: its number, and what was drawn for it."""

    number: int = Field(ge=0)
    key: str = ""


class Reconcile(Message):
    """Update: the records have taken over what is there. `operation_id` is only the update's id.

    The set is held no more; numbers are given from above `last_number`; the model generation is as if announced by a
    PUT whose capacity was applied; disks that `collect` names are collected like those of an upgrade that ended now.
    """

    operation_id: str
    last_number: int = Field(ge=0)
    generation: int
    machine_generation: int
    mode: UpgradeMode | None = None
    automatic: bool = False
    collect: tuple[OperationOfDisks, ...] = ()
