"""A scale set: its identity, and what the rules need to know of its model.

The ARM document stays whole in the store; `ScaleSetModel` is the part that decisions are made from.
"""

from datetime import timedelta
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from domain.extensions import ExtensionProfile
from domain.images import ImageReference
from domain.policies import UpgradePolicy

HEALTH_PUBLISHER = "microsoft.managedservices"
HEALTH_TYPES = ("applicationhealthlinux", "applicationhealthwindows")


class ScaleSetIdentity(BaseModel):
    """Which scale set. `unique_id` tells a set from one deleted and made again under the same name (F2)."""

    model_config = ConfigDict(frozen=True)

    resource_id: str
    name: str
    unique_id: str
    location: str


class HealthSource(BaseModel):
    """Where health comes from (H1, H2, H4, H5): `default` (power and extensions) or an application's own word."""

    model_config = ConfigDict(frozen=True)

    kind: str = "default"
    rich: bool = False
    interval: timedelta = timedelta(seconds=5)
    number_of_probes: int = 1
    grace_period: timedelta = timedelta(seconds=5)
    settings: dict[str, Any] = {}


class ScaleSetModel(BaseModel):
    """One generation of a set's desired configuration, as decisions see it."""

    model_config = ConfigDict(frozen=True)

    generation: int
    capacity: int
    image: ImageReference
    upgrade_policy: UpgradePolicy = UpgradePolicy()
    health_sources: tuple[HealthSource, ...] = ()
    data_disks: int = 0
    zones: tuple[str, ...] = ()
    extension_profile: ExtensionProfile = ExtensionProfile()

    @property
    def health_source(self) -> HealthSource:
        """The one source (H1), or the default of H2."""
        return self.health_sources[0] if self.health_sources else HealthSource()

    @classmethod
    def from_arm(cls, document: dict[str, Any], generation: int) -> Self:
        """Read an ARM document.

        Raises ValueError (pydantic.ValidationError included) with a sentence that names what is wrong.
        """
        properties = _mapping(document, "properties")
        profile = _mapping(properties, "virtualMachineProfile")
        storage = _mapping(profile, "storageProfile")
        sku = _mapping(document, "sku")
        return cls(
            generation=generation,
            capacity=sku.get("capacity", 0),
            image=ImageReference.model_validate(storage.get("imageReference") or {}),
            upgrade_policy=UpgradePolicy.model_validate(properties.get("upgradePolicy") or {}),
            health_sources=tuple(_health_sources(profile)),
            data_disks=len(storage.get("dataDisks") or ()),
            zones=tuple(document.get("zones") or ()),
            extension_profile=ExtensionProfile.from_arm(_mapping(profile, "extensionProfile")),
        )


def _mapping(parent: dict[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"'{key}' must be an object")  # noqa: TRY004  # a bad document is a value, not a type, here
    return value


def _health_sources(profile: dict[str, Any]) -> list[HealthSource]:
    sources = []
    if probe := _mapping(_mapping(profile, "networkProfile"), "healthProbe").get("id"):
        sources.append(HealthSource(kind="loadBalancerProbe", settings={"id": probe}))
    for extension in _mapping(profile, "extensionProfile").get("extensions") or ():
        body = _mapping(extension, "properties")
        if str(body.get("publisher", "")).lower() != HEALTH_PUBLISHER:
            continue
        if str(body.get("type", "")).lower() not in HEALTH_TYPES:
            continue
        sources.append(_application_health(body))
    return sources


def _application_health(body: dict[str, Any]) -> HealthSource:
    settings = _mapping(body, "settings")
    interval = timedelta(seconds=int(settings.get("intervalInSeconds", 5)))
    probes = int(settings.get("numberOfProbes", 1))
    grace = settings.get("gracePeriod")
    return HealthSource(
        kind="applicationHealth",
        rich=str(body.get("typeHandlerVersion", "1.0")).split(".")[0] != "1",
        interval=interval,
        number_of_probes=probes,
        grace_period=interval * probes if grace is None else timedelta(seconds=int(grace)),
        settings=settings,
    )
