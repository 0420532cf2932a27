"""Run by an interpreter that has azure-mgmt-compute and nothing of ours: what is done to machines, galleries and etags.

Tells also how late the slowest poller was: from the end that Instar names to its return.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

from azure.core import MatchConditions  # type: ignore[import-not-found]
from azure.core.exceptions import (  # type: ignore[import-not-found]
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.core.rest import HttpRequest  # type: ignore[import-not-found]
from azure.identity import ClientSecretCredential  # type: ignore[import-not-found]
from azure.mgmt.compute import ComputeManagementClient  # type: ignore[import-not-found]

with open(os.environ["INSTAR_LOGIN"]) as file:  # noqa: PTH123
    login = json.load(file)
base, trusted, group, name = login["endpoint"], login["caFile"], "sdk", "acted"


def client_with(secret: str) -> Any:
    identity = {"authority": base, "disable_instance_discovery": True, "connection_verify": trusted}
    return ComputeManagementClient(
        ClientSecretCredential(login["tenantId"], login["clientId"], secret, **identity),
        login["subscriptionId"],
        base_url=base,
        credential_scopes=[f"{base}/.default"],
        connection_verify=trusted,
    )


client = client_with(login["clientSecret"])
sets, machines = client.virtual_machine_scale_sets, client.virtual_machine_scale_set_vms
upgrades = client.virtual_machine_scale_set_rolling_upgrades
told: dict[str, Any] = {}
late: dict[str, float] = {}


def wait(what: str, poller: Any) -> Any:
    """What the operation gave."""
    url = poller.polling_method()._initial_response.http_response.headers["Azure-AsyncOperation"]
    result = poller.result()
    returned = datetime.now(UTC)
    status = client.send_request(HttpRequest("GET", url)).json()
    assert status["status"] == "Succeeded", status
    late[what] = (returned - datetime.fromisoformat(status["endTime"])).total_seconds()
    return result


def disks() -> dict[str, str]:
    listed = machines.list(group, name)
    return {one["instanceId"]: one["properties"]["storageProfile"]["osDisk"]["name"] for one in listed}


def power() -> list[str]:
    codes = {one["code"] for one in sets.get_instance_view(group, name)["virtualMachine"]["statusesSummary"]}
    return sorted(code for code in codes if code.startswith("PowerState/"))


def until_begun() -> None:
    """One that is cancelled before it has begun leaves no upgrade behind, and none is the latest."""
    for _ in range(300):
        try:
            upgrades.get_latest(group, name)
        except ResourceNotFoundError:
            time.sleep(0.1)
        else:
            return


def upgrade_that_lasts() -> None:
    """`sys.argv[2]` is the version, on which machines take an hour to boot."""
    version = f"{base}{sys.argv[2]}?api-version=2024-11-01"
    client.send_request(HttpRequest("PUT", version, json={"location": "westeurope"})).raise_for_status()
    poller = upgrades.begin_start_os_upgrade(group, name)
    told["ends at once"] = poller.done()
    until_begun()
    wait("cancel", upgrades.begin_cancel(group, name))
    told["latest"] = upgrades.get_latest(group, name)["properties"]["runningStatus"]["code"]
    client.send_request(HttpRequest("DELETE", version)).raise_for_status()
    try:
        poller.result()
    except HttpResponseError as error:
        told["cancelled"] = error.error.code


def machine_actions() -> None:
    before = disks()
    wait("reimage one", sets.begin_reimage(group, name, {"instanceIds": ["0"]}))
    told["reimaged"] = sorted(one for one, disk in disks().items() if disk != before[one])
    before = disks()
    wait("reimage all", sets.begin_reimage_all(group, name))
    told["all reimaged"] = sorted(one for one, disk in disks().items() if disk != before[one])
    wait("update instances", sets.begin_update_instances(group, name, {"instanceIds": ["*"]}))
    wait("power off", sets.begin_power_off(group, name))
    told["power"] = power()
    wait("start", sets.begin_start(group, name))
    wait("deallocate", sets.begin_deallocate(group, name, {"instanceIds": ["0"]}))
    told["power of some"] = power()
    wait("start one", machines.begin_start(group, name, "0"))
    wait("restart", machines.begin_restart(group, name, "0"))
    machine = machines.get(group, name, "1")
    machine["properties"]["protectionPolicy"] = {"protectFromScaleSetActions": True}
    protected = wait("protect", machines.begin_update(group, name, "1", machine))
    told["protected"] = protected["properties"]["protectionPolicy"]["protectFromScaleSetActions"]
    wait("delete one", sets.begin_delete_instances(group, name, {"instanceIds": ["0"]}))
    told["left"] = sorted(disks())


def preconditions() -> None:
    before = sets.get(group, name)["etag"]
    tags = {"tags": {"shift": "night"}}
    wait("patch", sets.begin_update(group, name, tags, etag=before, match_condition=MatchConditions.IfNotModified))
    try:
        sets.begin_update(group, name, tags, etag=before, match_condition=MatchConditions.IfNotModified)
    except ResourceModifiedError as error:
        told["overtaken"] = error.status_code
    try:
        sets.begin_create_or_update(group, name, model, match_condition=MatchConditions.IfMissing)
    except ResourceExistsError as error:
        told["made already"] = error.status_code
    try:
        client_with("wrong").virtual_machine_scale_sets.get(group, name)
    except ClientAuthenticationError as error:
        told["wrong secret"] = "AADSTS7000215" in error.message


def own_images() -> None:
    place = {"location": "westeurope"}
    wait("gallery", client.galleries.begin_create_or_update(group, "images", place))
    identifier = {"publisher": "me", "offer": "web", "sku": "stable"}
    kind = {"osType": "Linux", "osState": "Generalized", "identifier": identifier}
    image = place | {"properties": kind}
    wait("image", client.gallery_images.begin_create_or_update(group, "images", "web", image))
    versions = client.gallery_image_versions
    regions = [{"name": "West Europe"}, {"name": "North Europe"}]
    version = place | {"properties": {"publishingProfile": {"targetRegions": regions}}}
    for number in ("1.0.0", "1.0.10", "1.0.9"):
        wait(f"version {number}", versions.begin_create_or_update(group, "images", "web", number, version))
    excluded = {"properties": {"publishingProfile": {"targetRegions": regions, "excludeFromLatest": True}}}
    changed = wait("exclude", versions.begin_update(group, "images", "web", "1.0.10", excluded))
    told["excluded"] = changed["properties"]["publishingProfile"]["excludeFromLatest"]
    shown = versions.get(group, "images", "web", "1.0.0", expand="ReplicationStatus")
    told["replicated"] = shown["properties"]["replicationStatus"]["aggregatedState"]
    wait("delete version", versions.begin_delete(group, "images", "web", "1.0.9"))
    told["versions"] = [one["name"] for one in versions.list_by_gallery_image(group, "images", "web")]


model = json.loads(sys.argv[1])
wait("create", sets.begin_create_or_update(group, name, model))
upgrade_that_lasts()
machine_actions()
preconditions()
own_images()
wait("delete", sets.begin_delete(group, name))
print(json.dumps({"told": told, "late": late}))  # noqa: T201
