"""Every delay that an operator may set, with its default and its rule (behaviour.md T6).

They enter a workflow as input and stay pinned there.
"""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


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
