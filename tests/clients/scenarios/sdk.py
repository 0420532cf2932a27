"""Run by an interpreter that has azure-mgmt-compute and nothing of ours: what an operator's script does."""

import json
import os
import sys
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError  # type: ignore[import-not-found]
from azure.identity import ClientSecretCredential  # type: ignore[import-not-found]
from azure.mgmt.compute import ComputeManagementClient  # type: ignore[import-not-found]

with open(os.environ["INSTAR_LOGIN"]) as file:  # noqa: PTH123
    login = json.load(file)
base, trusted, group, name = login["endpoint"], login["caFile"], "sdk", "web"
credential = ClientSecretCredential(
    login["tenantId"],
    login["clientId"],
    login["clientSecret"],
    authority=base,
    disable_instance_discovery=True,
    connection_verify=trusted,
)
client = ComputeManagementClient(
    credential,
    login["subscriptionId"],
    base_url=base,
    credential_scopes=[f"{base}/.default"],
    connection_verify=trusted,
)
sets, upgrades = client.virtual_machine_scale_sets, client.virtual_machine_scale_set_rolling_upgrades
told: dict[str, Any] = {}


model = json.loads(sys.argv[1])
told["created"] = sets.begin_create_or_update(group, name, model).result()["properties"]["provisioningState"]
told["by location"] = name in [one["name"] for one in sets.list_by_location("westeurope")]
told["listed"] = [one["name"] for one in sets.list(group)]
try:
    upgrades.get_latest(group, name)
except ResourceNotFoundError as error:
    told["before the first"] = error.error.code
upgrades.begin_start_os_upgrade(group, name).result()
told["latest"] = upgrades.get_latest(group, name)["properties"]["runningStatus"]["code"]
[attempt] = sets.get_os_upgrade_history(group, name)
told["history"] = {
    "startedBy": attempt["properties"]["startedBy"],
    "version": attempt["properties"]["targetImageReference"]["version"],
    "end": bool(attempt["properties"]["runningStatus"]["endTime"]),
}
try:
    upgrades.begin_cancel(group, name)
except ResourceExistsError as error:
    told["cancel of nothing"] = error.error.code
policy = {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}}
patched = sets.begin_update(group, name, policy).result()
told["patched"] = patched["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"]
told["instances"] = [one["instanceId"] for one in client.virtual_machine_scale_set_vms.list(group, name)]
view = client.virtual_machine_scale_set_vms.get_instance_view(group, name, "0")
told["health"] = view["vmHealth"]["status"]["code"]
images = client.virtual_machine_images
told["versions"] = [one["name"] for one in images.list("westeurope", "Canonical", "UbuntuServer", "18.04-LTS")]
try:
    sets.begin_create_or_update(group, name, {**model, "sku": {"name": "x", "capacity": -1}}).result()
except HttpResponseError as error:
    told["refused"] = error.error.code
sets.begin_delete(group, name).result()
try:
    sets.get(group, name)
except ResourceNotFoundError as error:
    told["gone"] = error.error.code
print(json.dumps(told))  # noqa: T201
