"""How a request's document changes the stored one.

PATCH merges as in RFC 7396: objects key by key, null removes, all else replaces. So does PUT on an existing set: `az
vmss update` puts the model back without its image and without secrets, `az vmss scale` puts location and sku alone
(docs/rules.md K7). Keys are matched without regard to case. Secrets are no part of the stored document: the store
keeps those that a change does not bring, and a null takes one away there.
"""

from collections.abc import Sequence
from typing import Any

from instar.store.database.secret_places import SECRET_KEYS

Json = dict[str, Any]

OPAQUE = frozenset({"tags", "settings", "protectedsettings"})
"""Objects with keys of the user's own: they are taken whole, case and all."""

READ_ONLY = frozenset({"id", "name", "type", "etag"})
READ_ONLY_PROPERTIES = frozenset({"provisioningState", "uniqueId", "timeCreated"})
READ_ONLY_BELOW = (
    ("properties", "virtualMachineProfile", "timeCreated"),
    ("properties", "virtualMachineProfile", "storageProfile", "imageReference", "exactVersion"),
)
"""Deeper members that clients put back: what they say is a fact of a machine, never a wish."""

_WORDS = """
    id name type location tags sku tier capacity zones plan identity etag properties mode value key version publisher
    offer product promotionCode singlePlacementGroup orchestrationMode upgradePolicy rollingUpgradePolicy
    maxBatchInstancePercent maxUnhealthyInstancePercent maxUnhealthyUpgradedInstancePercent pauseTimeBetweenBatches
    enableCrossZoneUpgrade prioritizeUnhealthyInstances rollbackFailedInstancesOnPolicyBreach maxSurge
    automaticOSUpgradePolicy enableAutomaticOSUpgrade disableAutomaticRollback useRollingUpgradePolicy
    osRollingUpgradeDeferral automaticRepairsPolicy enabled gracePeriod repairAction scheduledEventsPolicy
    virtualMachineProfile provisioningState overprovision doNotRunExtensionsOnOverprovisionedVMs uniqueId
    platformFaultDomainCount zoneBalance scaleInPolicy rules timeCreated osProfile computerNamePrefix adminUsername
    adminPassword customData userData linuxConfiguration windowsConfiguration disablePasswordAuthentication ssh
    publicKeys path keyData provisionVMAgent enableAutomaticUpdates secrets storageProfile imageReference
    exactVersion sharedGalleryImageId communityGalleryImageId osDisk dataDisks caching createOption diskSizeGB
    managedDisk storageAccountType writeAcceleratorEnabled osType lun networkProfile healthProbe
    networkInterfaceConfigurations primary enableAcceleratedNetworking ipConfigurations subnet
    loadBalancerBackendAddressPools loadBalancerInboundNatPools publicIPAddressConfiguration networkSecurityGroup
    extensionProfile extensions extensionsTimeBudget typeHandlerVersion autoUpgradeMinorVersion
    enableAutomaticUpgrade settings protectedSettings provisionAfterExtensions forceUpdateTag diagnosticsProfile
    bootDiagnostics storageUri scheduledEventsProfile terminateNotificationProfile osImageNotificationProfile
    notBeforeTimeout enable priority licenseType securityProfile serviceArtifactReference automaticOSUpgradeProperties
    automaticOSUpgradeSupported osDiskImage operatingSystem sizeInGb dataDiskImages hyperVGeneration architecture
    disallowed features imageDeprecationStatus imageState protectionPolicy protectFromScaleIn
    protectFromScaleSetActions nodeTypes durabilityLevel clusterEndpoint managementEndpoint
    protectFromScaleSetActions patchSettings patchMode assessmentMode publishingProfile targetRegions
    regionalReplicaCount replicaCount excludeFromLatest endOfLifeDate publishedDate replicationMode source
    safetyProfile allowDeletionOfReplicatedLocations blockDeletionBeforeEndOfLife identifier uniqueName osState
    sharingProfile softDeletePolicy replicationStatus description
    additionalCapabilities extendedLocation hostGroup spotRestorePolicy forceDeletion priorityMixPolicy
    constrainedMaximumCapacity resiliencyPolicy skuProfile zonalPlatformFaultDomainAlignMode externalHealthPolicy
    lifecycleHooksProfile billingProfile networkApiVersion capacityReservation applicationProfile hardwareProfile
    deleteOption diskControllerType securityPostureReference
    additionalUnattendContent passName componentName settingName content
    overprovision doNotRunExtensionsOnOverprovisionedVMs allowExtensionOperations requireGuestProvisionSignal
    enableIPForwarding dnsSettings dnsServers privateIPAddressVersion vhdContainers vmSizeProperties
    protectFromScaleSetActions probes protocol port intervalInSeconds numberOfProbes probeThreshold requestPath
    subnets virtualNetworkPeerings securityRules defaultSecurityRules routes frontendIPConfigurations probe
    backendAddressPools loadBalancingRules inboundNatRules inboundNatPools outboundRules addressSpace addressPrefixes
    addressPrefix dnsSettings domainNameLabel publicIPAllocationMethod publicIPAddressVersion prefixLength resourceGuid
    ipAddress ipPrefix fqdn
"""
_SPELLING = {word.lower(): word for word in _WORDS.split()}


def canonical(document: Json) -> Json:
    """The document with every key that the contract knows spelt as there; other keys as they are.

    >>> canonical({"SKU": {"Capacity": 3}, "Tags": {"Name": "x"}, "mine": 1})
    {'sku': {'capacity': 3}, 'tags': {'Name': 'x'}, 'mine': 1}
    """
    return {
        _SPELLING.get(key.lower(), key): value if key.lower() in OPAQUE else _canonical_value(value)
        for key, value in document.items()
    }


def _canonical_value(value: Any) -> Any:
    if isinstance(value, dict):
        return canonical(value)
    if isinstance(value, list):
        return [_canonical_value(item) for item in value]
    return value


def merged(stored: Json, change: Json) -> Json:
    """`stored` with `change` applied; neither is altered.

    >>> merged({"a": {"b": 1, "c": 2}, "d": [1, 2]}, {"A": {"c": None, "e": 3}, "d": [4]})
    {'a': {'b': 1, 'e': 3}, 'd': [4]}
    """
    result = dict(stored)
    spelling = {key.lower(): key for key in stored}
    for given, value in change.items():
        key = spelling.get(given.lower(), given)
        had = result.get(key)
        if value is None and key.lower() not in SECRET_KEYS:
            result.pop(key, None)
        elif isinstance(value, dict) and key.lower() not in OPAQUE:
            result[key] = merged(had if isinstance(had, dict) else {}, value)
        else:
            result[key] = value
    return result


def without_read_only(document: Json) -> Json:
    """What a client may set: a client that puts back what it got brings the rest along."""
    result = {key: value for key, value in document.items() if key not in READ_ONLY}
    properties = result.get("properties")
    if isinstance(properties, dict):
        result["properties"] = {key: value for key, value in properties.items() if key not in READ_ONLY_PROPERTIES}
    for path in READ_ONLY_BELOW:
        result = without(result, path)
    return result


def without(document: Json, path: Sequence[str]) -> Json:
    """The same without the member under a path; `document` is left as it is.

    >>> without({"a": {"b": 1, "c": 2}}, ("a", "b")), without({"a": 1}, ("a", "b"))
    ({'a': {'c': 2}}, {'a': 1})
    """
    first, *rest = path
    if not rest:
        return {key: value for key, value in document.items() if key != first}
    inner = document.get(first)
    return document | {first: without(inner, rest)} if isinstance(inner, dict) else document
