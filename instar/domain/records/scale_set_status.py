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
    """None while nothing is to be looked at: switched off, or an upgrade runs; and while looks are made for the set,
    which are written down elsewhere."""
    quarantine: Quarantine = Quarantine()
    held: str = ""
    """Why nothing is done to its machines: the records are older than they are (F7); "" if they are not."""


def with_look(status: ScaleSetStatus, looked_at: datetime, outcome: str, next_at: datetime) -> ScaleSetStatus:
    """The same with the looks that are made for the set while it is idle: the last one, and the next of either.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> told = with_look(ScaleSetStatus(enabled=True), noon, "nothing newer than 1.2", noon.replace(hour=13))
    >>> told.last_look, f"{told.next_look_at:%H:%M}"
    ('nothing newer than 1.2', '13:00')
    >>> with_look(ScaleSetStatus(), noon, "", noon) == ScaleSetStatus()
    True
    """
    if not status.enabled:
        return status
    told: dict[str, object] = {"next_look_at": min(one for one in (status.next_look_at, next_at) if one)}
    if status.last_look_at is None or looked_at >= status.last_look_at:
        told |= {"last_look_at": looked_at, "last_look": outcome}
    return status.model_copy(update=told)
