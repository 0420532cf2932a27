"""One upgrade's place in the line before its limits, and the leases that it has (docs/rules.md W4).

There are two leases, asked for in this order: a slot, from before the first batch to the upgrade's end, which
`upgradesAtOnce` counts; and machines, for one batch until its verdict, which `machinesOutAtOnce` counts. Whoever holds
machines waits for nothing, and whoever holds a slot waits for machines alone: there is no circle of waiting.
"""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field


class Turn(BaseModel):
    """What is known of one upgrade that a limit covers."""

    model_config = ConfigDict(frozen=True)

    unique_id: str
    number: int
    resource_id: str
    batch: int = Field(ge=1)
    """Which batch it asks for, or has in work; counted from 1."""
    since: datetime
    """When it asked for that batch first: its place in the line."""
    has_slot: bool = False
    begun: bool = False
    """A batch was begun on its slot: it keeps it to its end, parked for whatever."""
    wants: int = Field(default=0, ge=0)
    """Machines that it asks for; 0: it asks for nothing."""
    machines: int = Field(default=0, ge=0)
    """Machines that it has been given for its batch."""
    taken: bool = False
    """Whether the batch was begun; until then it is nudged."""

    @property
    def key(self) -> tuple[str, int]:
        """Whose it is."""
        return self.unique_id, self.number

    @property
    def waits(self) -> bool:
        """Whether it stands in the line."""
        return self.wants > 0 and not self.machines

    @property
    def is_granted(self) -> bool:
        """Whether it may go on and has not done so yet."""
        return self.machines > 0 and not self.taken

    def asks(self, batch: int, wants: int, now: datetime) -> Self:
        """It asks for the machines of a batch. Asked again for the same one it keeps its place, and what it has."""
        if batch != self.batch:
            fresh = {"batch": batch, "since": now, "wants": wants, "machines": 0, "taken": False}
            return self.model_copy(update=fresh)
        return self if self.machines else self.model_copy(update={"wants": wants})

    def takes(self) -> Self:
        """Its batch begins."""
        return self.model_copy(update={"begun": True, "taken": True, "wants": 0})

    def stands_aside(self) -> Self:
        """It waits for something else (a hold, a window): it holds no machines, and its place is kept."""
        freed = {"wants": 0, "machines": 0, "taken": False, "has_slot": self.has_slot and self.begun}
        return self.model_copy(update=freed)

    def is_back(self) -> Self:
        """Its batch has had its verdict: its machines are in service again, or failed."""
        return self.model_copy(update={"wants": 0, "machines": 0, "taken": False})
