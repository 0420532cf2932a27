"""Every command of the original document, as printed there, and those around them."""

from pathlib import Path

import pytest

from tests.clients.conftest import NEW, Az, Site, logged_in

TEMPLATE = Path(__file__).with_name("autoupdate.json")


@pytest.fixture(scope="module")
def az(az: Az) -> Az:
    az("group", "create", "--name", "myResourceGroup", "--location", "westeurope")
    words = ("--resource-group", "myResourceGroup", "--name", "first", "--template-file", str(TEMPLATE))
    given = ("--parameters", "vmSSName=myScaleSet", "instanceCount=3", "adminPassword=a-Secret-1")
    made = az("deployment", "group", "create", *words, *given)
    assert made["properties"]["provisioningState"] == "Succeeded"
    return az


SET = ("--resource-group", "myResourceGroup", "--name", "myScaleSet")


def test_the_template_of_the_original_enables_automatic_upgrades(az: Az) -> None:
    shown = az("vmss", "show", *SET)
    assert shown["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is True
    assert shown["sku"]["capacity"] == 3


def test_automatic_upgrades_are_turned_off_and_on(az: Az) -> None:
    enable = "upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade"
    for value in (False, True):
        changed = az("vmss", "update", *SET, "--set", f"{enable}={str(value).lower()}")
        assert changed["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is value


def test_an_upgrade_is_started_by_hand_and_its_history_read(az: Az, site: Site) -> None:
    site.publish(NEW)
    az("vmss", "rolling-upgrade", "start", *SET, "--subscription", site.login.subscriptionId)
    assert az("vmss", "rolling-upgrade", "get-latest", *SET)["runningStatus"]["code"] == "Completed"
    newest = az("vmss", "get-os-upgrade-history", *SET)[0]["properties"]
    assert newest["progress"]["successfulInstanceCount"] == 3
    assert newest["targetImageReference"]["version"] == NEW
    refused = az("vmss", "rolling-upgrade", "cancel", *SET, status=1)
    assert "There is no ongoing Rolling Upgrade to cancel." in refused


def test_image_versions_are_listed(az: Az) -> None:
    image = ("--location", "westeurope", "--publisher", "Canonical", "--offer", "UbuntuServer", "--sku", "18.04-LTS")
    assert NEW in {one["version"] for one in az("vm", "image", "list", *image, "--all")}
    assert az("vm", "image", "show", "--location", "westeurope", "--urn", "Canonical:UbuntuServer:18.04-LTS:latest")


def test_instances_are_listed_and_looked_at(az: Az) -> None:
    assert [one["instanceId"] for one in az("vmss", "list-instances", *SET)] == ["0", "1", "2"]
    summary = az("vmss", "get-instance-view", *SET)["virtualMachine"]["statusesSummary"]
    assert {"code": "HealthState/healthy", "count": 3} in summary
    assert az("vmss", "get-instance-view", *SET, "--instance-id", "0")["vmHealth"]["status"]["code"]


def test_a_set_is_scaled_and_asked_for_by_plain_rest(az: Az, site: Site) -> None:
    assert az("vmss", "scale", *SET, "--new-capacity", "4")["sku"]["capacity"] == 4
    path = f"/subscriptions/{site.login.subscriptionId}/providers/Microsoft.Compute/virtualMachineScaleSets"
    listed = az("rest", "--method", "get", "--url", f"{path}?api-version=2019-12-01")
    assert "myScaleSet" in {one["name"] for one in listed["value"]}
    az("vmss", "scale", *SET, "--new-capacity", "3")


def test_errors_are_told_as_azure_tells_them(az: Az) -> None:
    missing = az("vmss", "show", "--resource-group", "myResourceGroup", "--name", "nothing", status=3)
    assert "ResourceNotFound" in missing
    words = ("--resource-group", "myResourceGroup", "--name", "second", "--template-file", str(TEMPLATE))
    wrong = ("--parameters", "vmSSName=other", "instanceCount=-1", "adminPassword=a-Secret-1")
    refused = az("deployment", "group", "create", *words, *wrong, status=1)
    assert "sku.capacity" in refused


def test_what_nothing_here_acts_on_is_kept_and_told(az: Az) -> None:
    template = str(TEMPLATE.with_name("unsupported.json"))
    words = ("--resource-group", "myResourceGroup", "--name", "third", "--template-file", template)
    [told] = az("deployment", "group", "create", *words)["properties"]["diagnostics"]
    assert (told["code"], told["level"]) == ("ResourceKept", "Warning")
    assert "Contoso.Things/things" in told["message"]


def test_the_literal_command_of_the_original_works_where_az_still_takes_it(az: Az, site: Site, tmp_path: Path) -> None:
    old = logged_in(site, tmp_path, "az280/bin/az")
    az("vmss", "update", *SET, "--set", "upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade=false")
    literal = "UpgradePolicy.AutomaticOSUpgradePolicy.EnableAutomaticOSUpgrade=true"
    old("vmss", "update", *SET, "--set", literal)
    assert az("vmss", "show", *SET)["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is True


def test_vmss_create_and_delete(az: Az) -> None:
    made = ("--resource-group", "myResourceGroup", "--name", "made")
    image = ("--image", "Canonical:UbuntuServer:18.04-LTS:latest", "--orchestration-mode", "Uniform")
    user = ("--admin-username", "op", "--admin-password", "a-Secret-1-long", "--instance-count", "2")
    assert az("vmss", "create", *made, *image, *user)["vmss"]["provisioningState"]
    assert len(az("vmss", "list-instances", *made)) == 2
    az("vmss", "delete", *made)
    assert [one["name"] for one in az("vmss", "list", "--resource-group", "myResourceGroup")] == ["myScaleSet"]


def test_a_group_goes_with_all_that_is_in_it(az: Az) -> None:
    az("group", "delete", "--name", "myResourceGroup", "--yes")
    assert az("group", "exists", "--name", "myResourceGroup") is False
