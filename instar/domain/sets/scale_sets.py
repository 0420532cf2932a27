"""A scale set: its identity, and what the rules need to know of its model.

The ARM document stays whole in the store; `ScaleSetModel` is the part that decisions are made from.
"""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from instar.domain.health.sources import HealthSource, health_sources
from instar.domain.images.images import ImageReference
from instar.domain.machines.scale_in import ScaleInRule
from instar.domain.sets.extensions import ExtensionProfile
from instar.domain.sets.policies import UpgradePolicy
from instar.domain.sets.service_fabric import FabricNode


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
    scale_in: ScaleInRule = ScaleInRule.DEFAULT
    service_fabric: FabricNode | None = None
    """Set where the machines are nodes of a Service Fabric cluster (section S)."""
    windows: bool = False
    """Whether the document itself says, or its platform image's name, that Windows runs on it (I6)."""
    windows_updates: bool | None = None
    """`windowsConfiguration.enableAutomaticUpdates` (I6)."""
    patch_modes: tuple[str, ...] = ()
    """`patchSettings.patchMode` of either system."""
    automatic_repairs: bool = False
    max_surge: bool = False
    deferral: bool = False
    """What upgrades are asked for and Instar cannot do."""
    """`automaticRepairsPolicy.enabled`: told, and checked as Azure does; Instar repairs nothing."""
    single_placement_group: bool | None = None
    orchestration_mode: str = "Uniform"
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
        image = ImageReference.model_validate(storage.get("imageReference") or {})
        system = _mapping(profile, "osProfile")
        windows, linux = (_mapping(system, f"{one}Configuration") for one in ("windows", "linux"))
        patched = (_mapping(one, "patchSettings").get("patchMode") for one in (windows, linux))
        policy = _mapping(properties, "upgradePolicy")
        return cls(
            generation=generation,
            capacity=sku.get("capacity", 0),
            image=image,
            upgrade_policy=UpgradePolicy.model_validate(policy),
            health_sources=health_sources(profile),
            data_disks=len(storage.get("dataDisks") or ()),
            zones=tuple(document.get("zones") or ()),
            scale_in=_scale_in_rule(properties),
            service_fabric=_service_fabric(profile),
            windows=system.get("windowsConfiguration") is not None
            or str(_mapping(storage, "osDisk").get("osType") or "").lower() == "windows"
            or "windows" in f"{image.publisher} {image.offer}".lower(),
            windows_updates=windows.get("enableAutomaticUpdates"),
            patch_modes=tuple(one for one in patched if one),
            automatic_repairs=_mapping(properties, "automaticRepairsPolicy").get("enabled") or False,
            max_surge=_mapping(policy, "rollingUpgradePolicy").get("maxSurge") or False,
            deferral=_mapping(policy, "automaticOSUpgradePolicy").get("osRollingUpgradeDeferral") or False,
            single_placement_group=properties.get("singlePlacementGroup"),
            orchestration_mode=properties.get("orchestrationMode") or "Uniform",
            extension_profile=ExtensionProfile.from_arm(_mapping(profile, "extensionProfile")),
        )


def _mapping(parent: dict[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"'{key}' must be an object")  # noqa: TRY004  # a bad document is a value, not a type, here
    return value


def _scale_in_rule(properties: dict[str, Any]) -> ScaleInRule:
    rules = _mapping(properties, "scaleInPolicy").get("rules") or [ScaleInRule.DEFAULT]
    known = {rule.lower(): rule for rule in ScaleInRule}
    if not isinstance(rules, list) or len(rules) != 1 or str(rules[0]).lower() not in known:
        raise ValueError(f"'scaleInPolicy.rules' must be a list of one of {', '.join(ScaleInRule)}")
    return known[str(rules[0]).lower()]


def _service_fabric(profile: dict[str, Any]) -> FabricNode | None:
    extensions = _mapping(profile, "extensionProfile").get("extensions") or ()
    nodes = (FabricNode.from_extension(_mapping(extension, "properties")) for extension in extensions)
    return next((node for node in nodes if node), None)
