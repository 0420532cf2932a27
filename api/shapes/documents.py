"""A scale set's ARM document: is it shaped as one, and what do decisions need of it? Errors name the wrong property."""

import re
from typing import Any

from pydantic import ValidationError

from api.wire.errors import ArmError, invalid
from api.wire.properties import REGION, at, normal_location
from instar.domain.health.sources import HEALTH_TYPES, is_application_health, settings_fault
from instar.domain.sets.policies import UpgradeMode
from instar.domain.sets.scale_sets import ScaleSetModel

Json = dict[str, Any]

NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?")
"""What a new scale set may be called (ARM: 1 to 64 characters)."""

ZONE = re.compile(r"[A-Za-z0-9-]{1,32}")

_PROFILE = "properties.virtualMachineProfile"
_SYSTEM = f"{_PROFILE}.osProfile"
_OBJECTS = (
    "sku",
    "plan",
    "identity",
    "tags",
    "properties",
    "properties.upgradePolicy",
    "properties.upgradePolicy.rollingUpgradePolicy",
    "properties.upgradePolicy.automaticOSUpgradePolicy",
    _PROFILE,
    f"{_PROFILE}.osProfile",
    f"{_PROFILE}.osProfile.windowsConfiguration",
    f"{_PROFILE}.osProfile.windowsConfiguration.patchSettings",
    f"{_PROFILE}.osProfile.linuxConfiguration",
    f"{_PROFILE}.osProfile.linuxConfiguration.patchSettings",
    f"{_PROFILE}.osProfile.linuxConfiguration.ssh",
    f"{_PROFILE}.storageProfile",
    f"{_PROFILE}.storageProfile.imageReference",
    f"{_PROFILE}.storageProfile.osDisk",
    f"{_PROFILE}.networkProfile",
    f"{_PROFILE}.networkProfile.healthProbe",
    f"{_PROFILE}.extensionProfile",
    "properties.scaleInPolicy",
)
DATA_DISKS = f"{_PROFILE}.storageProfile.dataDisks"
_LISTS_OF_OBJECTS = (
    DATA_DISKS,
    f"{_PROFILE}.extensionProfile.extensions",
    f"{_PROFILE}.networkProfile.networkInterfaceConfigurations",
    f"{_PROFILE}.osProfile.windowsConfiguration.additionalUnattendContent",
    f"{_PROFILE}.osProfile.linuxConfiguration.ssh.publicKeys",
)
_IMAGE = f"{_PROFILE}.storageProfile.imageReference"
_TEXTS = (
    "location",
    "sku.name",
    "sku.tier",
    "properties.upgradePolicy.mode",
    "properties.orchestrationMode",
    f"{_PROFILE}.osProfile.windowsConfiguration.patchSettings.patchMode",
    f"{_PROFILE}.osProfile.linuxConfiguration.patchSettings.patchMode",
    *(
        f"{_PROFILE}.osProfile.{name}"
        for name in ("computerNamePrefix", "adminUsername", "adminPassword", "customData")
    ),
    f"{_PROFILE}.storageProfile.osDisk.osType",
    f"{_PROFILE}.networkProfile.healthProbe.id",
    f"{_PROFILE}.extensionProfile.extensionsTimeBudget",
    *(f"{_IMAGE}.{name}" for name in ("publisher", "offer", "sku", "version", "id")),
)
_PERCENT = "properties.upgradePolicy.rollingUpgradePolicy"
_NUMBERS = (
    "sku.capacity",
    f"{_PERCENT}.maxBatchInstancePercent",
    f"{_PERCENT}.maxUnhealthyInstancePercent",
    f"{_PERCENT}.maxUnhealthyUpgradedInstancePercent",
)
WINDOWS_UPDATES = f"{_PROFILE}.osProfile.windowsConfiguration.enableAutomaticUpdates"
_TRUTHS = (
    "properties.singlePlacementGroup",
    "properties.upgradePolicy.rollingUpgradePolicy.maxSurge",
    "properties.upgradePolicy.automaticOSUpgradePolicy.osRollingUpgradeDeferral",
    WINDOWS_UPDATES,
)
_PROBE_NUMBERS = ("intervalInSeconds", "numberOfProbes", "gracePeriod")

_MODEL_PREFIX = {
    "UpgradePolicy": "properties.upgradePolicy",
    "ImageReference": _IMAGE,
    "ExtensionProfile": f"{_PROFILE}.extensionProfile",
}


def check_shape(document: Json) -> None:
    """Raises ArmError 400 that names the first property of a wrong type. Null counts as absent."""
    for path in _OBJECTS:
        _expect(document, path, dict, "an object")
    for path in _LISTS_OF_OBJECTS:
        items = _expect(document, path, list, "a list") or []
        if not all(isinstance(item, dict) for item in items):
            raise invalid(f"'{path}' must be a list of objects.", path)
    for path in _TEXTS:
        _expect(document, path, str, "a string")
    for path in _NUMBERS:
        _expect_number(at(document, path), path)
    for path in _TRUTHS:
        _expect_truth(at(document, path), path)
    for index, disk in enumerate(at(document, DATA_DISKS) or []):
        _expect_number(disk.get("lun"), f"{DATA_DISKS}[{index}].lun")
    zones = _expect(document, "zones", list, "a list") or []
    if not all(isinstance(zone, str) and ZONE.fullmatch(zone) for zone in zones) or len(set(zones)) < len(zones):
        raise invalid("'zones' must be a list of different names of zones, like \"1\".", "zones")
    for index, extension in enumerate(at(document, f"{_PROFILE}.extensionProfile.extensions") or []):
        _check_extension(extension, f"{_PROFILE}.extensionProfile.extensions[{index}]")


def normal(document: Json) -> Json:
    """The same with its location and upgrade mode in their one spelling. The document must be well shaped."""
    result = dict(document)
    if location := result.get("location"):
        result["location"] = normal_location(location)
    mode = at(result, "properties.upgradePolicy.mode")
    spelt = {one.value.lower(): one.value for one in UpgradeMode}.get(str(mode).lower())
    if spelt:
        properties = dict(result["properties"])
        properties["upgradePolicy"] = dict(properties["upgradePolicy"]) | {"mode": spelt}
        result["properties"] = properties
    return result


def read_model(document: Json, generation: int) -> ScaleSetModel:
    """What decisions need. Raises ArmError 400 that names the wrong property."""
    _refuse_vhd(document)
    for path in ("location", "sku.capacity", _IMAGE):
        if at(document, path) in (None, "", {}):
            raise invalid(f"Required parameter '{path}' is missing (null).", path)
    if not REGION.fullmatch(document["location"]):
        raise invalid("'location' must be the name of a region, like westus2.", "location")
    try:
        return ScaleSetModel.from_arm(document, generation)
    except ValidationError as error:
        raise _named(error) from None
    except (ValueError, OverflowError) as error:
        raise invalid(f"The scale set is invalid: {error}.") from None


def _refuse_vhd(document: Json) -> None:
    """An image that is a file in a storage account, as sets had them before there were managed disks."""
    disk = f"{_PROFILE}.storageProfile.osDisk"
    for name in ("image", "vhdContainers"):
        if at(document, f"{disk}.{name}") and not at(document, _IMAGE):
            message = (
                f"'{disk}.{name}' names a VHD in a storage account, which is not supported: name a platform image, or "
                f"an image of a compute gallery, in '{_IMAGE}'."
            )
            raise invalid(message, f"{disk}.{name}")


def _named(error: ValidationError) -> ArmError:
    first = error.errors(include_input=False, include_url=False)[0]
    path = ".".join((_MODEL_PREFIX.get(error.title, error.title), *(str(part) for part in first["loc"])))
    message = first["msg"].removeprefix("Value error, ")
    return invalid(f"The value of '{path}' is invalid: {message}.", path)


def _expect(document: Json, path: str, kind: type, words: str) -> Any:
    value = at(document, path)
    if value is not None and not isinstance(value, kind):
        raise invalid(f"'{path}' must be {words}.", path)
    return value


def _expect_number(value: Any, path: str) -> None:
    """A whole number, or its text: templates write numbers as strings."""
    whole = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and len(value) < 16 and re.fullmatch(r"-?[0-9]+", value, re.ASCII)  # noqa: PLR2004  # far more digits than any limit here
    )
    if value is not None and not whole:
        raise invalid(f"'{path}' must be a whole number.", path)


def _expect_truth(value: Any, path: str) -> None:
    """True or false, or its text: templates write truths as strings."""
    if not isinstance(value, bool | None) and str(value).lower() not in ("true", "false"):
        raise invalid(f"'{path}' must be true or false.", path)


def _check_extension(extension: Json, path: str) -> None:
    body = extension.get("properties")
    if not isinstance(extension.get("name"), str):
        raise invalid(f"'{path}.name' must be a string.", f"{path}.name")
    if not isinstance(body, dict | None):
        raise invalid(f"'{path}.properties' must be an object.", f"{path}.properties")
    for key in ("publisher", "type", "typeHandlerVersion"):
        if not isinstance((body or {}).get(key), str | None):
            raise invalid(f"'{path}.properties.{key}' must be a string.", f"{path}.properties.{key}")
    after = (body or {}).get("provisionAfterExtensions")
    if not isinstance(after, list | None) or not all(isinstance(one, str) for one in after or ()):
        key = f"{path}.properties.provisionAfterExtensions"
        raise invalid(f"'{key}' must be a list of names of extensions.", key)
    settings = (body or {}).get("settings")
    if not isinstance(settings, dict | None):
        raise invalid(f"'{path}.properties.settings' must be an object.", f"{path}.properties.settings")
    probes: Json = (settings or {}) if str((body or {}).get("type")).lower() in HEALTH_TYPES else {}
    for key in [key for key in _PROBE_NUMBERS if key in probes]:
        # A null is refused as well: settings are taken whole, so that it would stay where a number is read.
        _expect_number("" if probes[key] is None else probes[key], f"{path}.properties.settings.{key}")
    if is_application_health(body or {}):
        key, fault = settings_fault(settings or {})
        if key:
            raise invalid(f"'{path}.properties.settings.{key}' {fault}.", f"{path}.properties.settings.{key}")
