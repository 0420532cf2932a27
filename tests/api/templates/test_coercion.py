"""Texts where truths and numbers are meant, old names, any case of keys: at every place where templates have them."""

from typing import Any

import pytest

from api.templates.coercion import coerced


def at(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = document[int(part)] if part.isdecimal() else document[part]
    return document


def put(path: str, value: Any) -> Any:
    """A document with one value at a path; numbers are positions in lists."""
    head, _, rest = path.partition(".")
    inner = put(rest, value) if rest else value
    return [inner] if head.isdecimal() else {head: inner}


PROFILE = "properties.virtualMachineProfile"
STORAGE = f"{PROFILE}.storageProfile"
NETWORK = f"{PROFILE}.networkProfile.networkInterfaceConfigurations.0.properties"
POLICY = "properties.upgradePolicy"
ROLLING = f"{POLICY}.rollingUpgradePolicy"
AUTOMATIC = f"{POLICY}.automaticOSUpgradePolicy"
PROBE = "properties.probes.0.properties"
OS = f"{PROFILE}.osProfile"
EXTENSION = f"{PROFILE}.extensionProfile.extensions.0.properties"


@pytest.mark.parametrize(
    "path",
    [
        "sku.capacity",
        f"{ROLLING}.maxBatchInstancePercent",
        f"{ROLLING}.maxUnhealthyInstancePercent",
        f"{ROLLING}.maxUnhealthyUpgradedInstancePercent",
        f"{STORAGE}.dataDisks.0.lun",
        f"{STORAGE}.dataDisks.0.diskSizeGB",
        f"{STORAGE}.osDisk.diskSizeGB",
        "properties.platformFaultDomainCount",
        f"{PROBE}.port",
        f"{PROBE}.intervalInSeconds",
        f"{PROBE}.numberOfProbes",
        f"{PROBE}.probeThreshold",
        "properties.publishingProfile.replicaCount",
        "properties.publishingProfile.targetRegions.0.regionalReplicaCount",
    ],
)
def test_a_text_is_a_number_where_one_is_meant(path: str) -> None:
    for text, number in (("20", 20), ("0", 0), ("-1", -1)):
        assert at(coerced(put(path, text)), path) == number
        assert at(coerced(put(path.upper(), text)), path) == number
    for value in ("2.5", "twenty", "", "٢", "--1", 5, None, True, ["20"], "[x"):
        found = at(coerced(put(path, value)), path)
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(
    "path",
    [
        "properties.overprovision",
        "properties.singlePlacementGroup",
        "properties.zoneBalance",
        "properties.doNotRunExtensionsOnOverprovisionedVMs",
        f"{AUTOMATIC}.enableAutomaticOSUpgrade",
        f"{AUTOMATIC}.disableAutomaticRollback",
        f"{AUTOMATIC}.useRollingUpgradePolicy",
        f"{AUTOMATIC}.osRollingUpgradeDeferral",
        f"{ROLLING}.enableCrossZoneUpgrade",
        f"{ROLLING}.prioritizeUnhealthyInstances",
        f"{ROLLING}.rollbackFailedInstancesOnPolicyBreach",
        f"{ROLLING}.maxSurge",
        f"{OS}.linuxConfiguration.disablePasswordAuthentication",
        f"{OS}.linuxConfiguration.provisionVMAgent",
        f"{OS}.windowsConfiguration.enableAutomaticUpdates",
        f"{NETWORK}.primary",
        f"{NETWORK}.enableAcceleratedNetworking",
        f"{NETWORK}.enableIPForwarding",
        f"{EXTENSION}.autoUpgradeMinorVersion",
        f"{EXTENSION}.enableAutomaticUpgrade",
        f"{STORAGE}.osDisk.writeAcceleratorEnabled",
        f"{PROFILE}.diagnosticsProfile.bootDiagnostics.enabled",
        f"{PROFILE}.scheduledEventsProfile.terminateNotificationProfile.enable",
        "properties.publishingProfile.excludeFromLatest",
        "properties.publishingProfile.targetRegions.0.excludeFromLatest",
        "properties.safetyProfile.blockDeletionBeforeEndOfLife",
    ],
)
def test_a_text_is_a_truth_where_one_is_meant(path: str) -> None:
    for text, truth in (("true", True), ("True", True), ("FALSE", False)):
        assert at(coerced(put(path, text)), path) is truth
    for value in ("yes", "1", "", 1, None, True, ["true"]):
        found = at(coerced(put(path, value)), path)
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(
    "path",
    [
        "tags.capacity",
        f"{EXTENSION}.settings.port",
        f"{EXTENSION}.protectedSettings.enabled",
        f"{OS}.computerNamePrefix",
    ],
)
def test_what_is_the_users_own_stays_a_text(path: str) -> None:
    for text in ("20", "true"):
        assert at(coerced(put(path, text)), path) == text


def test_the_property_of_2017_is_the_one_of_today() -> None:
    for name in ("automaticOSUpgrade", "AutomaticOsUpgrade"):
        policy = {"mode": "Rolling", name: "true", "automaticOSUpgradePolicy": {"disableAutomaticRollback": "false"}}
        assert coerced({"properties": {"upgradePolicy": policy}})["properties"]["upgradePolicy"] == {
            "mode": "Rolling",
            "automaticOSUpgradePolicy": {"disableAutomaticRollback": False, "enableAutomaticOSUpgrade": True},
        }
    for kept in (
        {"properties": None},
        {"properties": {"upgradePolicy": None}},
        {"properties": {"upgradePolicy": "x"}},
        {},
    ):
        assert coerced(kept) == kept


@pytest.mark.parametrize(
    "path",
    [
        "properties.securityRules.0.properties.destinationPortRange",
        "properties.securityRules.0.properties.sourcePortRange",
        "properties.securityRules.0.properties.destinationPortRanges.0",
        f"{EXTENSION}.typeHandlerVersion",
        f"{OS}.computerNamePrefix",
        f"{STORAGE}.imageReference.sku",
        f"{STORAGE}.imageReference.version",
        "tags.nodes",
    ],
)
def test_a_number_is_a_text_where_one_is_meant(path: str) -> None:
    for number, text in ((443, "443"), (2.1, "2.1"), (True, "True")):
        assert at(coerced(put(path, number)), path) == text
    for value in ("443", "*", None, ["443"], {"a": 1}):
        assert at(coerced(put(path, value)), path) == value


def test_other_numbers_and_what_is_the_users_own_stay_numbers() -> None:
    for path in ("properties.securityRules.0.properties.priority", f"{EXTENSION}.settings.port", "tags.deep.version"):
        assert at(coerced(put(path, 443)), path) == 443


def test_zones_that_are_an_empty_text_are_none() -> None:
    assert coerced({"zones": "", "properties": {"zones": ""}}) == {"properties": {}}
    assert coerced({"zones": "1"}) == {"zones": "1"}


def test_zones_may_be_numbers() -> None:
    assert coerced({"zones": [1, "2", True]})["zones"] == ["1", "2", True]
    assert coerced({"zones": None})["zones"] is None
