"""What a look at a scale set says of each machine.

Plain frozen dataclasses, not pydantic: a look at 10,000 machines makes 10,000 of them, and none crosses a wire.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from instar.domain.images.images import ImageReference


class HealthState(StrEnum):
    """What a health source says of an instance (docs/rules.md H4, H5). UNKNOWN counts as unhealthy."""

    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"
    INITIALIZING = "Initializing"
    UNKNOWN = "Unknown"


class PowerState(StrEnum):
    """Whether a machine runs. STOPPED means: by its owner (docs/rules.md P18)."""

    RUNNING = "running"
    STOPPED = "stopped"


class PowerAction(StrEnum):
    """What its owner may do to a machine (docs/rules.md P18)."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"


class Standing(StrEnum):
    """How an instance counts in a decision: the one translation of power and health into words of the rules."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INITIALIZING = "initializing"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class OsDisk:
    """An OS disk: made from one exact image version; `made_by` is the effect key that made it ("" at creation)."""

    name: str
    image: ImageReference
    made_by: str = ""
    replaced_by: str = field(default="", compare=False)
    """Of a kept disk: the key of the operation that put it aside."""
    generation: int = field(default=0, compare=False)
    """The model generation that it was made with: what the machine goes back to with it (P7, R2)."""


@dataclass(frozen=True, slots=True)
class DataDisk:
    """A data disk. `marker` stands for its content and never changes (docs/rules.md P4)."""

    lun: int
    name: str
    marker: str


@dataclass(frozen=True, slots=True)
class ExtensionStatus:
    """How one extension of a machine ended on its present OS disk; `error` is empty if it succeeded (P4)."""

    name: str
    error: str = ""
    kind: str = ""
    """`<publisher>.<type>`."""
    version: str = ""
    """Of its handler, as the model names it."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One machine as the compute lists it: facts, no health."""

    instance_id: str
    vm_id: str
    os_disk: OsDisk | None
    generation: int
    power: PowerState = PowerState.RUNNING
    provisioned: bool = True
    protected: bool = False
    """`protectFromScaleSetActions` (B6)."""
    protected_from_scale_in: bool = False
    zone: str = ""
    """Availability zone, "" in a set without any (B4)."""
    update_domain: int = 0
    """Counted from 0 (B7)."""
    extensions: tuple[ExtensionStatus, ...] = ()
    """In the order in which they ran on the present OS disk; those after a failed one did not run."""
    created_at: datetime | None = None
    booted_at: datetime | None = None
    """Its newest power-on, or move to another disk; None where nobody knows (P2a)."""
    previous_os_disks: tuple[OsDisk, ...] = ()
    data_disks: tuple[DataDisk, ...] = ()
    last_operation: int = field(default=0, compare=False)
    """Number of the newest operation that the machine has seen, 0 before the first (F7)."""
    last_key: str = field(default="", compare=False)
    """What was drawn for that operation; "" for one that began under release 0.1 (F7)."""


@dataclass(frozen=True, slots=True)
class HealthObservation:
    """What the health source of a set said of one instance, and when (docs/rules.md H6)."""

    instance_id: str
    state: HealthState
    observed_at: datetime
    detail: str = ""
    settles_by: datetime | None = None
    """While INITIALIZING: when the grace period ends and the state can no longer be INITIALIZING (H5)."""
    phase: int | None = None
    """`PhaseOrderingNumber` of its custom metrics: lower ones come first, None last (docs/rules.md B5)."""
    skip: bool = False
    """`SkipUpgrade` of its custom metrics: left out of upgrades."""
    custom_metrics: str = ""
    """Its custom metrics as they were sent; only of an instance that is HEALTHY."""


@dataclass(frozen=True, slots=True)
class InstanceView:
    """An instance and its health at one look: what every decision is made from."""

    instance: Instance
    health: HealthObservation
    boots: bool = False
    """Whether it was started, or moved to another disk, so lately that it need not be healthy yet (P2a)."""

    @property
    def instance_id(self) -> str:
        """The instance id, decimal digits."""
        return self.instance.instance_id

    @property
    def standing(self) -> Standing:
        """Stopped before anything else (P18); Unknown is unhealthy (H5), but of a machine that boots (P2a)."""
        if self.instance.power is PowerState.STOPPED:
            return Standing.STOPPED
        match self.health.state:
            case HealthState.HEALTHY:
                return Standing.HEALTHY
            case HealthState.INITIALIZING:
                return Standing.INITIALIZING
            case HealthState.UNHEALTHY | HealthState.UNKNOWN:
                return Standing.INITIALIZING if self.boots else Standing.UNHEALTHY


@dataclass(frozen=True, slots=True)
class Look:
    """A fresh look at a whole set: its instances in the order of their ids, and when it was taken."""

    views: tuple[InstanceView, ...]
    taken_at: datetime
    by_id: dict[str, InstanceView] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.views, key=lambda view: int(view.instance_id)))
        object.__setattr__(self, "views", ordered)
        object.__setattr__(self, "by_id", {view.instance_id: view for view in ordered})

    def standing_in(self, standing: Standing, ids: Iterable[str] | None = None) -> tuple[InstanceView, ...]:
        """The instances with that standing, of `ids` or of the whole set."""
        views = (
            self.views if ids is None else [self.by_id[instance_id] for instance_id in ids if instance_id in self.by_id]
        )
        return tuple(view for view in views if view.standing is standing)
