"""Values of templates in the types of the contract: many write truths and numbers as texts, or texts as numbers."""

from typing import Any

from api.wire.merge import OPAQUE, canonical

Json = dict[str, Any]

TRUTHS = frozenset(
    """
    overprovision singlePlacementGroup zoneBalance doNotRunExtensionsOnOverprovisionedVMs disablePasswordAuthentication
    provisionVMAgent enableAutomaticUpdates primary enableAcceleratedNetworking enableIPForwarding
    enableAutomaticOSUpgrade automaticOSUpgrade disableAutomaticRollback useRollingUpgradePolicy enableCrossZoneUpgrade
    prioritizeUnhealthyInstances rollbackFailedInstancesOnPolicyBreach maxSurge autoUpgradeMinorVersion
    enableAutomaticUpgrade writeAcceleratorEnabled enabled enable osRollingUpgradeDeferral excludeFromLatest
    blockDeletionBeforeEndOfLife allowDeletionOfReplicatedLocations protectFromScaleIn
    """.lower().split()
)
NUMBERS = frozenset(
    """
    capacity lun diskSizeGB maxBatchInstancePercent maxUnhealthyInstancePercent maxUnhealthyUpgradedInstancePercent
    platformFaultDomainCount port intervalInSeconds numberOfProbes probeThreshold replicaCount regionalReplicaCount
    """.lower().split()
)
TEXTS = frozenset(
    """
    destinationPortRange sourcePortRange destinationPortRanges sourcePortRanges typeHandlerVersion computerNamePrefix
    adminUsername adminPassword domainNameLabel sku version
    """.lower().split()
)
_NOTHING = (("zones", ""),)
"""Members that templates have instead of leaving them out."""

_WORDS = {"true": True, "false": False}


def coerced(document: Json) -> Json:
    """The same in the contract's types and names.

    >>> old = coerced({"Properties": {"overprovision": "False", "UpgradePolicy": {"automaticOSUpgrade": "true"}}})
    >>> old["properties"]["overprovision"], old["properties"]["upgradePolicy"]
    (False, {'automaticOSUpgradePolicy': {'enableAutomaticOSUpgrade': True}})
    """
    result = _today(_object(canonical(document)))
    tags = result.get("tags")
    if isinstance(tags, dict):
        result["tags"] = {key: str(value) if isinstance(value, int | float) else value for key, value in tags.items()}
    return result


def _object(document: Json) -> Json:
    return {
        key: value if key.lower() in OPAQUE else _value(key.lower(), value)
        for key, value in document.items()
        if (key.lower(), value) not in _NOTHING
    }


def _value(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, list) and key == "zones":
        return [str(zone) if isinstance(zone, int) and not isinstance(zone, bool) else zone for zone in value]
    if isinstance(value, list):
        return [_object(item) if isinstance(item, dict) else _text(key, item) for item in value]
    if isinstance(value, str) and key in TRUTHS:
        return _WORDS.get(value.lower(), value)
    if isinstance(value, str) and key in NUMBERS and value.removeprefix("-").isdecimal() and value.isascii():
        return int(value)
    return _text(key, value)


def _text(key: str, value: Any) -> Any:
    """A number or truth as the text that is meant; .NET writes truths with a capital."""
    return str(value) if key in TEXTS and isinstance(value, int | float) else value


def _today(document: Json) -> Json:
    """`upgradePolicy.automaticOSUpgrade` of 2017 is `automaticOSUpgradePolicy.enableAutomaticOSUpgrade` today."""
    policy = (document.get("properties") or {}).get("upgradePolicy")
    if not isinstance(policy, dict):
        return document
    old = next((key for key in policy if key.lower() == "automaticosupgrade"), "")
    if not old:
        return document
    automatic = (policy.get("automaticOSUpgradePolicy") or {}) | {"enableAutomaticOSUpgrade": policy[old]}
    rest = {key: value for key, value in policy.items() if key != old}
    properties = document["properties"] | {"upgradePolicy": rest | {"automaticOSUpgradePolicy": automatic}}
    return document | {"properties": properties}
