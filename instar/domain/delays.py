"""Every delay that an operator may set, with its default and its rule (docs/rules.md T6).

They enter a workflow as input and stay pinned there.
"""

import math
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_BY_ITSELF = timedelta(days=2)


def seconds_as_text(given: Any) -> Any:
    """What pydantic reads as a duration: "6" is six seconds, as 6 is.

    >>> seconds_as_text("6"), seconds_as_text("0.5"), seconds_as_text("PT5M"), seconds_as_text(6)
    (6.0, 0.5, 'PT5M', 6)
    """
    if isinstance(given, str):
        try:
            seconds = float(given)
        except ValueError:
            return given
        return seconds if math.isfinite(seconds) else given
    return given


class Delays(BaseModel):
    """Durations, ISO 8601 or seconds on input. All must be positive but where said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_trigger: timedelta = Field(default=timedelta(hours=3), ge=timedelta(0))
    """From enabling automatic upgrades to a set's first one (T1)."""

    health_wait: timedelta = Field(default=timedelta(minutes=5), gt=timedelta(0))
    """How long a batch has to become healthy (P6)."""

    health_poll_first: timedelta = Field(default=timedelta(seconds=0.25), gt=timedelta(0))
    """Between the first looks of a health wait; grows by a twentieth each time."""

    health_poll_most: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0))
    """Between looks at the most."""

    look_after_upgrade: timedelta = Field(default=timedelta(minutes=5), gt=timedelta(0))
    """How often a set looks whether its running upgrade was terminated by hand (F1)."""

    keep_previous_disks: timedelta = Field(default=timedelta(hours=24), ge=timedelta(0))
    """How long previous OS disks are kept after the end of the upgrade that replaced them (P5)."""

    replication: timedelta = Field(default=timedelta(minutes=5), ge=timedelta(0), le=timedelta(days=365))
    """From publishing a gallery image version to its copy in a target region (I2); 0: at once."""

    look_least: timedelta = Field(default=timedelta(minutes=30), gt=timedelta(0))
    """From one look at the catalogue to the next, at the least (T2)."""

    look_most: timedelta = Field(default=timedelta(hours=1), gt=timedelta(0))
    """From one look at the catalogue to the next, at the most (T2)."""

    look_by_itself: Annotated[timedelta, Field(gt=timedelta(0), exclude_if=lambda value: value == _BY_ITSELF)] = (
        _BY_ITSELF
    )
    """How long a set relies on the looks that are made for it while it is idle; then, or up to half as long again
    later, it makes one by itself (T2). Left out of messages where it is the default: workers of before refuse it."""

    look_in_full: timedelta = Field(default=timedelta(hours=6), ge=timedelta(0))
    """How long looks trust that the machines are as a look found them; then one lists them again."""

    look_backoff_most: timedelta = Field(default=timedelta(hours=24), ge=timedelta(0))
    """From an end by P2 or P3 to the next try of that version, at the most (T5)."""

    nudge_most: timedelta = Field(default=timedelta(minutes=5), ge=timedelta(0))
    """How soon after a version was published the sets that use the image look, at the latest."""

    @field_validator("*", mode="before")
    @classmethod
    def _seconds_as_text(cls, given: Any) -> Any:
        """A number of seconds stays one where it comes as text, as from an environment variable."""
        return seconds_as_text(given)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.look_least > self.look_most:
            raise ValueError(f"look_least ({self.look_least}) must not exceed look_most ({self.look_most})")
        return self
