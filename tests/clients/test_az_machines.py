"""`az vmss` commands on the machines of a set, and on an upgrade that lasts."""

import json
from typing import Any

import pytest

from tests.clients.conftest import Az, Site

GROUP = "machines"
SET = ("--resource-group", GROUP, "--name", "fleet")
OF_SET = ("--resource-group", GROUP, "--vmss-name", "fleet")
HEALTH = {"protocol": "http", "port": 80, "requestPath": "/"}


@pytest.fixture(scope="module")
def az(az: Az) -> Az:
    az("group", "create", "--name", GROUP, "--location", "westeurope")
    image = ("--image", "UbuntuServer-18.04-LTS", "--orchestration-mode", "Uniform", "--upgrade-policy-mode", "Manual")
    user = ("--admin-username", "op", "--admin-password", "a-Secret-1-long", "--instance-count", "2")
    az("vmss", "create", *SET, *image, *user)
    return az


def instances(az: Az) -> list[Any]:
    found: list[Any] = az("vmss", "list-instances", *SET)
    return found


def test_short_names_of_images_are_listed(az: Az) -> None:
    [listed] = [one for one in az("vm", "image", "list") if one["urnAlias"] == "UbuntuServer-18.04-LTS"]
    assert listed["urn"] == "Canonical:UbuntuServer:18.04-LTS:latest"
    where = ("--location", "westeurope")
    assert "Canonical" in {one["name"] for one in az("vm", "image", "list-publishers", *where)}
    assert [one["name"] for one in az("vm", "image", "list-offers", *where, "--publisher", "Canonical")]
    skus = az("vm", "image", "list-skus", *where, "--publisher", "Canonical", "--offer", "UbuntuServer")
    assert {one["name"] for one in skus} == {"16.04-LTS", "18.04-LTS"}


def test_an_extension_comes_into_the_model_and_with_it_to_the_machines(az: Az) -> None:
    kind = ("--name", "ApplicationHealthLinux", "--publisher", "Microsoft.ManagedServices", "--version", "1.0")
    az("vmss", "extension", "set", *OF_SET, *kind, "--settings", json.dumps(HEALTH))
    assert [one["name"] for one in az("vmss", "extension", "list", *OF_SET)] == ["ApplicationHealthLinux"]
    shown = az("vmss", "extension", "show", *OF_SET, "--name", "ApplicationHealthLinux")
    assert shown["settings"] == HEALTH
    assert {one["latestModelApplied"] for one in instances(az)} == {False}
    az("vmss", "update-instances", *SET, "--instance-ids", "*")
    assert {one["latestModelApplied"] for one in instances(az)} == {True}


def test_automatic_upgrades_are_enabled_by_the_option_too(az: Az) -> None:
    changed = az("vmss", "update", *SET, "--enable-auto-os-upgrade", "true")
    assert changed["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is True
    az("vmss", "wait", *SET, "--updated", "--timeout", "60")


@pytest.mark.parametrize("chosen", [(), ("--instance-ids", "0")])
def test_reimage_gives_machines_new_disks(az: Az, chosen: tuple[str, ...]) -> None:
    before = {one["instanceId"]: one["storageProfile"]["osDisk"]["name"] for one in instances(az)}
    az("vmss", "reimage", *SET, *chosen)
    after = {one["instanceId"]: one["storageProfile"]["osDisk"]["name"] for one in instances(az)}
    changed = {one for one in before if before[one] != after[one]}
    assert changed == ({"0"} if chosen else set(before))


def test_machines_are_stopped_started_and_restarted(az: Az) -> None:
    def power() -> set[str]:
        summary = az("vmss", "get-instance-view", *SET)["virtualMachine"]["statusesSummary"]
        return {one["code"] for one in summary if one["code"].startswith("PowerState/")}

    for command in ("stop", "deallocate"):
        az("vmss", command, *SET)
        assert "PowerState/running" not in power()
        az("vmss", "start", *SET)
        assert power() == {"PowerState/running"}
    az("vmss", "restart", *SET, "--instance-ids", "1")
    assert power() == {"PowerState/running"}


def test_a_protected_machine_stays_out_of_an_upgrade_that_is_then_cancelled(az: Az, site: Site) -> None:
    protected = ("vmss", "update", *SET, "--instance-id", "1", "--protect-from-scale-set-actions")
    assert az(*protected, "true")["protectionPolicy"]["protectFromScaleSetActions"] is True
    with site.slow_version():
        az("vmss", "rolling-upgrade", "start", *SET, "--no-wait")
        going = az("vmss", "rolling-upgrade", "get-latest", *SET)
        assert going["runningStatus"]["code"] == "RollingForward"
        assert sum(going["progress"].values()) == 1
        az("vmss", "rolling-upgrade", "cancel", *SET)
        assert az("vmss", "rolling-upgrade", "get-latest", *SET)["runningStatus"]["code"] == "Cancelled"
    assert az(*protected, "false")["protectionPolicy"]["protectFromScaleSetActions"] is False
