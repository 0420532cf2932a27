"""Which member of a resource came with which api-version: older answers leave it out, older requests may not have it.

One client uses many versions at once, so every answer is shaped by its own request's version (docs/rules.md K1). A
client that puts back what it got by the same version is never refused. What a version cannot see, a change by it
leaves alone: PUT merges. Members of list items (an extension's, a disk's) are not among these: a list is replaced as a
whole, so whoever puts one back must have seen all of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from api.wire.errors import ArmError
from api.wire.merge import without

Json = dict[str, Any]

NEWEST = "9999-12-31"
"""For those who ask without a version: templates."""

SDK = "azure-mgmt-compute 33.0.0, which has the models of every version from 2015-06-15 to 2024-07-01"
CONTRACT = "Azure's published reference of the REST API and recorded answers of it"


@dataclass(frozen=True)
class Member:
    """A member that was added to an object later than the object: since when, and who says so."""

    path: str
    since: str
    source: str = SDK


_POLICY = "properties.upgradePolicy"
_ROLLING = f"{_POLICY}.rollingUpgradePolicy"
_AUTOMATIC = f"{_POLICY}.automaticOSUpgradePolicy"
_PROFILE = "properties.virtualMachineProfile"
_EVENTS = f"{_PROFILE}.scheduledEventsProfile"
_IMAGE = f"{_PROFILE}.storageProfile.imageReference"

_NEWER_IN_ROLLING_POLICY = {
    "enableCrossZoneUpgrade": "2020-12-01",
    "prioritizeUnhealthyInstances": "2020-12-01",
    "rollbackFailedInstancesOnPolicyBreach": "2022-11-01",
    "maxSurge": "2022-11-01",
}

SCALE_SET = (
    Member("etag", "2023-09-01"),
    Member("extendedLocation", "2020-12-01"),
    Member("properties.additionalCapabilities", "2019-03-01"),
    Member("properties.scaleInPolicy", "2019-03-01"),
    Member("properties.hostGroup", "2020-06-01"),
    Member("properties.orchestrationMode", "2020-12-01"),
    Member("properties.spotRestorePolicy", "2021-04-01"),
    Member("properties.scaleInPolicy.forceDeletion", "2021-07-01"),
    Member("properties.automaticRepairsPolicy.repairAction", "2021-11-01"),
    Member("properties.timeCreated", "2021-11-01"),
    Member("properties.priorityMixPolicy", "2022-08-01"),
    Member("properties.constrainedMaximumCapacity", "2022-11-01"),
    Member("properties.resiliencyPolicy", "2023-09-01"),
    Member("properties.scheduledEventsPolicy", "2024-03-01"),
    Member("properties.skuProfile", "2024-07-01"),
    Member("properties.zonalPlatformFaultDomainAlignMode", "2024-07-01"),
    Member("properties.externalHealthPolicy", "2025-11-01", CONTRACT),
    Member("properties.lifecycleHooksProfile", "2025-11-01", CONTRACT),
    *(Member(f"{_ROLLING}.{name}", since) for name, since in _NEWER_IN_ROLLING_POLICY.items()),
    Member(f"{_AUTOMATIC}.useRollingUpgradePolicy", "2022-03-01"),
    Member(f"{_AUTOMATIC}.osRollingUpgradeDeferral", "2023-09-01"),
    Member(f"{_PROFILE}.billingProfile", "2019-03-01"),
    Member(f"{_PROFILE}.scheduledEventsProfile", "2019-03-01"),
    Member(f"{_PROFILE}.securityProfile", "2020-06-01"),
    Member(f"{_PROFILE}.extensionProfile.extensionsTimeBudget", "2020-06-01"),
    Member(f"{_PROFILE}.userData", "2021-03-01"),
    Member(f"{_PROFILE}.networkProfile.networkApiVersion", "2021-03-01"),
    Member(f"{_PROFILE}.capacityReservation", "2021-04-01"),
    Member(f"{_PROFILE}.applicationProfile", "2021-07-01"),
    Member(f"{_PROFILE}.hardwareProfile", "2021-11-01"),
    Member(f"{_PROFILE}.storageProfile.osDisk.deleteOption", "2022-03-01"),
    Member(f"{_PROFILE}.storageProfile.diskControllerType", "2022-08-01"),
    Member(f"{_PROFILE}.serviceArtifactReference", "2022-11-01"),
    Member(f"{_EVENTS}.osImageNotificationProfile", "2022-11-01"),
    Member(f"{_PROFILE}.securityPostureReference", "2023-03-01"),
    Member(f"{_PROFILE}.timeCreated", "2023-09-01"),
    Member(f"{_IMAGE}.sharedGalleryImageId", "2021-07-01"),
    Member(f"{_IMAGE}.communityGalleryImageId", "2021-11-01"),
)
"""`VirtualMachineScaleSet`."""

INSTANCE_VIEW = tuple(
    Member(name, "2020-06-01", CONTRACT) for name in ("computerName", "osName", "osVersion", "hyperVGeneration")
)
"""`VirtualMachineScaleSetVMInstanceView`."""

INSTANCE = (
    Member("etag", "2023-09-01"),
    Member("identity", "2022-03-01"),
    Member("properties.networkProfileConfiguration", "2019-03-01"),
    Member("properties.modelDefinitionApplied", "2019-03-01"),
    Member("properties.protectionPolicy", "2019-03-01"),
    Member("properties.securityProfile", "2020-06-01"),
    Member("properties.userData", "2021-03-01"),
    Member("properties.timeCreated", "2023-07-01"),
    Member("properties.storageProfile.imageReference.exactVersion", "2019-07-01"),
    Member("properties.storageProfile.imageReference.sharedGalleryImageId", "2021-07-01"),
    Member("properties.storageProfile.imageReference.communityGalleryImageId", "2021-11-01"),
    *(Member(f"properties.instanceView.{one.path}", one.since) for one in INSTANCE_VIEW),
)
"""`VirtualMachineScaleSetVM`."""

SET_VIEW = (Member("orchestrationServices", "2019-12-01"),)
"""`VirtualMachineScaleSetInstanceView`."""

ROLLING_UPGRADE = tuple(Member(f"properties.policy.{name}", since) for name, since in _NEWER_IN_ROLLING_POLICY.items())
"""`RollingUpgradeStatusInfo`: the policy in force."""

PAST_UPGRADE = (
    Member("properties.targetImageReference.exactVersion", "2019-07-01"),
    Member("properties.targetImageReference.sharedGalleryImageId", "2021-07-01"),
    Member("properties.targetImageReference.communityGalleryImageId", "2021-11-01"),
)
"""`UpgradeOperationHistoricalStatusInfo`."""

IMAGE_VERSION = (
    Member("properties.hyperVGeneration", "2019-03-01"),
    Member("properties.disallowed", "2020-06-01"),
    Member("properties.features", "2020-12-01"),
    Member("properties.architecture", "2021-11-01"),
    Member("properties.imageDeprecationStatus", "2022-11-01"),
)
"""`VirtualMachineImage`."""

TYPE_NAMES = {
    "": "VirtualMachineScaleSet",
    "properties": "properties",
    _PROFILE: "VirtualMachineProfile",
    _AUTOMATIC: "AutomaticOSUpgradePolicy",
}
"""What Azure's sentence calls an object; elsewhere it is the object's own name with a capital."""

CLOSED = {
    _POLICY: ("mode", "rollingUpgradePolicy", "automaticOSUpgradePolicy"),
    _ROLLING: (
        "maxBatchInstancePercent",
        "maxUnhealthyInstancePercent",
        "maxUnhealthyUpgradedInstancePercent",
        "pauseTimeBetweenBatches",
        *_NEWER_IN_ROLLING_POLICY,
    ),
    _AUTOMATIC: (
        "enableAutomaticOSUpgrade",
        "disableAutomaticRollback",
        "useRollingUpgradePolicy",
        "osRollingUpgradeDeferral",
    ),
    "properties.automaticRepairsPolicy": ("enabled", "gracePeriod", "repairAction"),
}
"""Objects of a scale set that no version knows more members of. A member that is only misspelt would do nothing, and
nobody would be told. All other objects take what they are given: it is kept and shown."""


def shaped(body: Json, members: Iterable[Member], api_version: str) -> Json:
    """The same without what that version does not know. `body` is left as it is.

    >>> shaped({"properties": {"timeCreated": "…", "vmId": "1"}}, INSTANCE, "2023-03-01")
    {'properties': {'vmId': '1'}}
    """
    for member in members:
        if api_version < member.since:
            body = without(body, member.path.split("."))
    return body


def knows_etags(api_version: str) -> bool:
    """Whether a set's `ETag` header goes with the answer (docs/rules.md K1)."""
    return api_version >= "2023-09-01"


def refuse_unknown(body: Json, api_version: str) -> None:
    """Raises ArmError 400 for a member of a scale set that the version, or none, knows. Keys as the contract's."""
    for member in SCALE_SET:
        parent, _, name = member.path.rpartition(".")
        if api_version < member.since and name in _object_at(body, parent):
            raise _unknown(name, parent)
    for path, known in CLOSED.items():
        for name in _object_at(body, path):
            if name not in known:
                raise _unknown(name, path)


def _unknown(name: str, path: str) -> ArmError:
    own_name = path.rpartition(".")[2]
    kind = TYPE_NAMES.get(path, own_name[:1].upper() + own_name[1:])
    sentence = f"Could not find member '{name[:80]}' on object of type '{kind}'"
    return ArmError(400, "BadRequest", sentence, target=f"{path}.{name[:80]}".lstrip("."))


def _object_at(body: Json, path: str) -> Json:
    value: Any = body
    for key in path.split(".") if path else ():
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
