"""Where a set stands with its automatic upgrades, as readers get it (docs/rules.md A4, P17, T5)."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from instar.domain.records.quarantine import Quarantine


class ScaleSetStatus(BaseModel):
    """Written down by the set's workflow whenever it changes; a workflow that begins anew begins from it."""

    model_config = ConfigDict(frozen=True)

    enabled: bool = False
    first_trigger_at: datetime | None = None
    first_trigger_done: bool = False
    last_look_at: datetime | None = None
    last_look: str = ""
    next_look_at: datetime | None = None
    """None while nothing is to be looked at: switched off, or an upgrade runs."""
    quarantine: Quarantine = Quarantine()
    held: str = ""
    """Why nothing is done to its machines: the records are older than they are (F7); "" if they are not."""
