"""What is scripted: durations of the whole fleet, the behaviour of an image version, the behaviour of one machine.

Kept in the fleet's file, so that every process plays the same play.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from compute.simulated.faults import ArmedFault
from compute.simulated.moments import micros
from domain.images import ImageReference
from domain.instances import PowerState

Duration = Annotated[timedelta, Field(ge=timedelta(0))]
Some = Literal["all"] | tuple[str, ...]
"""All instances, or those with these ids."""


class Mute(StrEnum):
    """How an application that gives no answer behaves where it has a real socket (`sockets`)."""

    SILENCE = "silence"
    """It takes the connection and says nothing."""
    REFUSES = "refuses"
    GARBAGE = "garbage"
    SLOW = "slow"
    """A byte now and then."""
    INITIALIZING = "initializing"
    """It says that it is not ready."""


class FleetDefaults(BaseModel):
    """Durations where no script says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    swap: Duration = timedelta(seconds=2)
    """From the stop of a machine to the commit of its other disk."""

    boot: Duration = timedelta(seconds=3)
    """From a commit to the first good answer of a machine."""


class VersionScript(BaseModel):
    """How machines behave on one exact image version. The default: as `FleetDefaults` say, and well."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    swap: Duration | None = None
    boot: Duration | None = None
    initializing: Duration = timedelta(0)
    """How long after the boot the application gives no answer yet (H5)."""

    never_healthy: Some = ()
    """Whose application never answers on this version."""

    flapping: Annotated[timedelta, Field(gt=timedelta(0))] | None = None
    """Good for that long, then bad for that long, and so on."""

    disk_fails: Some = ()
    """Who cannot get a disk of this version (P9)."""

    mute_as: Mute = Mute.SILENCE
    """What it does on a real socket while it gives no answer."""

    phase: int | None = None
    """`PhaseOrderingNumber` of the custom metrics that it tells (B5)."""

    skip: Some = ()
    """Who tells `SkipUpgrade` in the custom metrics."""

    withdrawn: bool = False
    """No disk can be made from it any more (P19)."""


class InstanceScript(BaseModel):
    """How one machine behaves, on every image.

    Replaces what was scripted for it before, but None as power or protected leaves them as they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sick_from: AwareDatetime | None = None
    sick_until: AwareDatetime | None = None
    """Its application answers that it is unhealthy from the one moment to the other; None: for ever."""

    power: PowerState | None = None
    """What its owner did to it (P18)."""

    protected: bool | None = None
    """`protectFromScaleSetActions` (B6)."""

    phase: int | None = None
    skip: bool = False
    """Custom metrics of its own, where either is set: instead of its version's."""

    unreachable_until: AwareDatetime | None = None
    """Until then every look at it and every call about it raises Unavailable (H7)."""


@dataclass(frozen=True, slots=True)
class Timing:
    """A version's script ready for arithmetic: microseconds, defaults filled in."""

    boot: int
    initializing: int
    flapping: int
    never_healthy: frozenset[str]
    all_never_healthy: bool


@dataclass(frozen=True, slots=True)
class Scripts:
    """All that is scripted at one revision of the fleet's file."""

    revision: int
    defaults: FleetDefaults
    versions: dict[str, VersionScript]
    faults: tuple[ArmedFault, ...]
    away_until: datetime
    """Until then the whole compute does not answer."""

    def of(self, image: ImageReference) -> VersionScript:
        """The script of that exact version."""
        return self.versions.get(image_key(image)) or VersionScript()

    def swap_duration(self, image: ImageReference) -> timedelta:
        """From stop to commit for that version."""
        swap = self.of(image).swap
        return self.defaults.swap if swap is None else swap

    def timing(self, image: ImageReference) -> Timing:
        """The durations of that version."""
        script = self.of(image)
        return Timing(
            boot=micros(self.defaults.boot if script.boot is None else script.boot),
            initializing=micros(script.initializing),
            flapping=micros(script.flapping) if script.flapping else 0,
            never_healthy=frozenset(() if script.never_healthy == "all" else script.never_healthy),
            all_never_healthy=script.never_healthy == "all",
        )


def image_key(image: ImageReference) -> str:
    """What a script is filed under: the exact version, whatever the case of its name."""
    return "|".join((*image.line, image.version.lower()))


def concerns(some: Some, instance_id: str) -> bool:
    """Whether that instance is meant.

    >>> concerns("all", "7"), concerns(("7",), "7"), concerns((), "7")
    (True, True, False)
    """
    return some == "all" or instance_id in some
