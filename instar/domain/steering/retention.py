"""How long the disks that machines left are kept (docs/rules.md P5, R1, C1)."""

from datetime import datetime, timedelta
from typing import Annotated

from isodate import duration_isoformat
from pydantic import BaseModel, ConfigDict

from instar.domain.legible import legible
from instar.domain.moments import minute
from instar.domain.steering.durations import Duration, within

KEPT_AT_MOST = timedelta(days=366)


class Retention(BaseModel):
    """What somebody wishes for one set, in place of the setting of all: at least one of the two."""

    model_config = ConfigDict(frozen=True)

    keep: Annotated[Duration, within(timedelta(0), KEPT_AT_MOST)] | None = None
    """After the end of the upgrade that replaced them; None: as the setting says."""
    until: datetime | None = None
    """Not before that moment either."""
    reason: str = ""
    by: str = ""
    since: datetime

    @property
    def sentence(self) -> str:
        """The sentence for every reader (P17).

        >>> from datetime import UTC
        >>> since = datetime(2026, 11, 30, 4, tzinfo=UTC)
        >>> Retention(keep="P7D", until=since, reason="holidays", by="ann", since=since).sentence
        'previous disks are kept for P7D, and until 2026-11-30 04:00Z: holidays (ann)'
        """
        told = [] if self.keep is None else [f"for {duration_isoformat(self.keep)}"]
        told += [] if self.until is None else [f"until {minute(self.until)}"]
        return f"previous disks are kept {', and '.join(told)}: {legible(self.reason)} ({legible(self.by)})"


def kept_until(ended_at: datetime, setting: timedelta, wish: Retention | None) -> datetime:
    """Until when the disks are kept that an operation put aside which ended at that moment.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    >>> kept_until(noon, timedelta(days=1), Retention(keep="P7D", since=noon)).isoformat()
    '2026-12-07T12:00:00+00:00'
    """
    keep = wish.keep if wish and wish.keep is not None else setting
    own = ended_at + keep
    return max(own, wish.until) if wish and wish.until else own
