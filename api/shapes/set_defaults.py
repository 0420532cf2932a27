"""What Azure fills in where a scale set's document is silent: shown, never stored (docs/rules.md K5).

A stored document stays what its owner gave, so that a default that is added here gives no set a new generation of
its model. What was only shown and comes back, as every client does that reads a set and puts it back, is taken for
what it is.
"""

import re
from typing import Any

from api.shapes.upgrade_policies import without_echo
from api.wire.api_versions import SCALE_SET, shaped
from api.wire.merge import merged
from api.wire.properties import at

Json = dict[str, Any]

LINUX, WINDOWS = "Linux", "Windows"
_PROFILE = "properties.virtualMachineProfile"
_PREMIUM = re.compile(r"(?:standard|basic)_(?:(?:ds|gs|fs|ls)\d|[a-z]+\d+(?:-\d+)?[a-z]*s[a-z]*(?:_|$))")
"""Sizes that can have premium disks: an s in the series, or among the letters behind the number of processors."""

_AT_WILL = ("low", "spot")
"""Priorities of machines that Azure may take away."""

_NAMES = ("name", "lun")
"""What tells the objects of a list apart."""


def system_of(document: Json) -> str:
    """Linux or Windows, as the document says itself or by the name of its platform image; "" where neither says.

    >>> system_of({"properties": {"virtualMachineProfile": {"osProfile": {"linuxConfiguration": {}}}}})
    'Linux'
    """
    for system in (WINDOWS, LINUX):
        if at(document, f"{_PROFILE}.osProfile.{system.lower()}Configuration") is not None:
            return system
    said = str(at(document, f"{_PROFILE}.storageProfile.osDisk.osType") or "").lower()
    if said:
        return next((system for system in (LINUX, WINDOWS) if said == system.lower()), "")
    image = at(document, f"{_PROFILE}.storageProfile.imageReference") or {}
    if not image.get("publisher"):
        return ""
    return WINDOWS if WINDOWS.lower() in f"{image['publisher']} {image.get('offer')}".lower() else LINUX


def with_defaults(document: Json) -> Json:
    """The document with Azure's defaults where it is silent; `document` is left as it is.

    Nothing is said of a profile that the set has not: machines that were adopted have no `osProfile`.
    """
    properties: Json = document.get("properties") or {}
    profile = properties.get("virtualMachineProfile") or {}
    shown = dict(profile)
    size = str(at(document, "sku.name") or "")
    if profile.get("osProfile"):
        shown["osProfile"] = filled(profile["osProfile"], _os_profile(system_of(document)))
    if profile.get("storageProfile"):
        shown["storageProfile"] = _storage(profile["storageProfile"], size)
    if interfaces := at(document, f"{_PROFILE}.networkProfile.networkInterfaceConfigurations"):
        alone = len(interfaces) == 1
        shown["networkProfile"] = profile["networkProfile"] | {
            "networkInterfaceConfigurations": [_interface(interface, alone=alone) for interface in interfaces]
        }
    tier = "Basic" if size.lower().startswith("basic_") else "Standard"
    flexible = str(properties.get("orchestrationMode")).lower() == "flexible"
    zones = document.get("zones")
    count = len(zones) if isinstance(zones, list) else 0
    silent = _flexible() if flexible else _uniform(count, at_will=str(profile.get("priority")).lower() in _AT_WILL)
    if properties.get("automaticRepairsPolicy"):
        silent["automaticRepairsPolicy"] = {"repairAction": "Replace"}
    result = document | {"properties": filled(properties, silent)}
    if profile:
        result["properties"]["virtualMachineProfile"] = shown
    if document.get("sku"):
        result["sku"] = filled(document["sku"], {"tier": tier})
    return result


def without_shown(body: Json, stored: Json, api_version: str) -> Json:
    """`body` without what was only shown of the `stored` document to who now puts it back: defaults, an echo.

    A value that is no default any more after the change, as of another size or of fewer zones, is a wish, and stays.
    """
    change: Json = _without(body, stored, shaped(with_defaults(stored), SCALE_SET, api_version))
    change = _with_wishes(body, change, shaped(with_defaults(merged(stored, change)), SCALE_SET, api_version))
    given = at(change, "properties.upgradePolicy")
    if given is None:
        return change
    policy = without_echo(given, at(stored, "properties.upgradePolicy") or {}, api_version)
    return change | {"properties": change["properties"] | {"upgradePolicy": policy}}


def filled(given: Any, defaults: Json) -> Any:
    """`given` with the defaults that it lacks, at every depth; what is no object stays as it is.

    >>> filled({"a": {"b": 1}, "d": "x"}, {"a": {"b": 2, "c": 3}, "d": {"e": 4}})
    {'a': {'b': 1, 'c': 3}, 'd': 'x'}
    """
    if given is None:
        given = {}
    if not isinstance(given, dict):
        return given
    result = dict(given)
    for key, value in defaults.items():
        if isinstance(value, dict):
            result[key] = filled(given.get(key), value)
        elif given.get(key) is None:
            result[key] = value
    return result


def _uniform(zones: int, *, at_will: bool) -> Json:
    silent: Json = {
        "orchestrationMode": "Uniform",
        "singlePlacementGroup": zones <= 1,
        "overprovision": True,
        "doNotRunExtensionsOnOverprovisionedVMs": False,
    }
    if zones or at_will:
        silent["platformFaultDomainCount"] = 1
    return silent | ({"zoneBalance": False} if zones else {})


def _flexible() -> Json:
    return {"singlePlacementGroup": False, "platformFaultDomainCount": 1}


def _os_profile(system: str) -> Json:
    silent: Json = {"secrets": [], "allowExtensionOperations": True, "requireGuestProvisionSignal": True}
    if system == LINUX:
        silent["linuxConfiguration"] = {"disablePasswordAuthentication": False, "provisionVMAgent": True}
    elif system == WINDOWS:
        silent["windowsConfiguration"] = {"provisionVMAgent": True, "enableAutomaticUpdates": True}
    return silent


def _storage(storage: Json, size: str) -> Json:
    shown: Json = filled(storage, {"osDisk": _os_disk(storage, size)})
    if isinstance(storage.get("dataDisks"), list):
        silent = {"caching": "None", "managedDisk": {"storageAccountType": _kind_of_disk(size)}}
        shown["dataDisks"] = [filled(disk, silent) for disk in storage["dataDisks"]]
    return shown


def _os_disk(storage: Json, size: str) -> Json:
    silent: Json = {"createOption": "FromImage"}
    disk = storage.get("osDisk")
    if not (isinstance(disk, dict) and disk.get("vhdContainers")):
        silent["managedDisk"] = {"storageAccountType": _kind_of_disk(size)}
    return silent


def _kind_of_disk(size: str) -> str:
    return "Premium_LRS" if _PREMIUM.match(size.lower()) else "Standard_LRS"


def _interface(interface: Json, *, alone: bool) -> Json:
    silent: Json = {
        "enableAcceleratedNetworking": False,
        "enableIPForwarding": False,
        "dnsSettings": {"dnsServers": []},
    }
    properties = filled(interface.get("properties"), silent | ({"primary": True} if alone else {}))
    if isinstance(properties, dict) and isinstance(properties.get("ipConfigurations"), list):
        properties["ipConfigurations"] = [_address(address) for address in properties["ipConfigurations"]]
    return interface | {"properties": properties}


def _address(address: Any) -> Any:
    silent: Json = {"privateIPAddressVersion": "IPv4"}
    given = address.get("properties") if isinstance(address, dict) else None
    if isinstance(given, dict) and given.get("publicIPAddressConfiguration"):
        silent["publicIPAddressConfiguration"] = {"properties": {"publicIPAddressVersion": "IPv4", "ipTags": []}}
    return filled(address, {"properties": silent})


def _without(given: Any, stored: Any, shown: Any) -> Any:
    if isinstance(given, dict) and isinstance(shown, dict):
        had = stored if isinstance(stored, dict) else {}
        return {
            key: _without(value, had.get(key), shown.get(key))
            for key, value in given.items()
            if key in had or key not in shown or value != shown[key]
        }
    if isinstance(given, list) and isinstance(shown, list) and isinstance(stored, list):
        if given == shown:
            return stored
        there = {_name(item): pair for item, *pair in zip(shown, stored, shown, strict=True)}
        return [_without(item, *there.get(_name(item), (None, None))) for item in given]
    return given


def _with_wishes(given: Any, kept: Any, later: Any) -> Any:
    if isinstance(given, dict) and isinstance(kept, dict) and isinstance(later, dict):
        return {
            key: _with_wishes(value, kept[key], later.get(key)) if key in kept else value
            for key, value in given.items()
            if key in kept or value != later.get(key)
        }
    lists = isinstance(given, list) and isinstance(kept, list) and isinstance(later, list)
    if lists and len(given) == len(kept) == len(later):
        return [_with_wishes(*item) for item in zip(given, kept, later, strict=True)]
    return kept


def _name(item: Any) -> str:
    return (
        next((f"{key}={item[key]}" for key in _NAMES if item.get(key) is not None), "")
        if isinstance(item, dict)
        else ""
    )
