"""A scale set: its identity, and what the rules need to know of its model.

The ARM document stays whole in the store; `ScaleSetModel` is the part that decisions are made from.
"""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from domain.health import HealthSource, health_sources
from domain.images import ImageReference
from domain.policies import UpgradePolicy


class ScaleSetIdentity(BaseModel):
    """Which scale set. `unique_id` tells a set from one deleted and made again under the same name (F2)."""

    model_config = ConfigDict(frozen=True)

    resource_id: str
    name: str
    unique_id: str
    location: str


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
            health_sources=health_sources(profile),
            data_disks=len(storage.get("dataDisks") or ()),
            zones=tuple(document.get("zones") or ()),
        )


def _mapping(parent: dict[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"'{key}' must be an object")  # noqa: TRY004  # a bad document is a value, not a type, here
    return value
