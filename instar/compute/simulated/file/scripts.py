"""What is scripted: durations of the whole fleet, the behaviour of an image version, the behaviour of one machine.

Kept in the fleet's file, so that every process plays the same play.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from instar.compute.simulated.file.faults import ArmedFault
from instar.compute.simulated.file.moments import micros
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import PowerState

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


class ExtensionScript(BaseModel):
    """How extensions behave. What it does not name, it is about whichever comes: all of them if it names nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    """The extension's name, in any case."""

    scale_set: str = ""
    """A unique id."""

    instances: Some = "all"
    image: ImageReference | None = None
    """The exact version that the OS disk is made from."""

    takes: Duration = timedelta(0)
    fails: str = ""
    """The error with which it fails; "": it succeeds."""

    fails_from: AwareDatetime | None = None
    fails_until: AwareDatetime | None = None
    """It fails when it ends within these; None: without a limit on that side."""


@dataclass(frozen=True, slots=True)
class ExtensionRun:
    """One run of an extension on a machine."""

    name: str
    scale_set: str
    instance_id: str
    image: ImageReference
    secrets: tuple[str, ...]
    """Digests of what its settings hold."""


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

    extensions: tuple[ExtensionScript, ...] = ()
    expired: dict[str, datetime] = field(default_factory=dict)
    """Digests of credentials, and since when they are not accepted any more (F4)."""

    def extension_takes(self, run: ExtensionRun) -> timedelta:
        """How long it takes: as long as the longest of its scripts says."""
        return max(
            (extension.takes for extension in self.extensions if _is_about(extension, run)), default=timedelta(0)
        )

    def extension_error(self, run: ExtensionRun, moment: datetime) -> str:
        """The error with which it ends at that moment; "" if it succeeds."""
        if any(self.expired[secret] <= moment for secret in run.secrets if secret in self.expired):
            return "its credentials have expired"
        for script in self.extensions:
            begun = script.fails_from is None or script.fails_from <= moment
            over = script.fails_until is not None and script.fails_until <= moment
            if script.fails and begun and not over and _is_about(script, run):
                return script.fails
        return ""

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


def _is_about(script: ExtensionScript, run: ExtensionRun) -> bool:
    return (
        script.name.lower() in ("", run.name.lower())
        and script.scale_set in ("", run.scale_set)
        and concerns(script.instances, run.instance_id)
        and (script.image is None or image_key(script.image) == image_key(run.image))
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


EXTENSION_SCRIPTS = TypeAdapter(tuple[ExtensionScript, ...])
EXPIRED = TypeAdapter(dict[str, AwareDatetime])
"""How both are written in the fleet's file."""
