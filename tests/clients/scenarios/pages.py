"""Run by an interpreter that has azure-mgmt-compute and nothing of ours: lists that have more than one page."""

import json
import os
from typing import Any

from azure.identity import ClientSecretCredential  # type: ignore[import-not-found]
from azure.mgmt.compute import ComputeManagementClient  # type: ignore[import-not-found]

with open(os.environ["INSTAR_LOGIN"]) as file:  # noqa: PTH123
    login = json.load(file)
base, trusted, group = login["endpoint"], login["caFile"], "pages"
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


def walked(listed: Any) -> list[list[str]]:
    """The names on each page."""
    return [[one["name"] for one in page] for page in listed.by_page()]


sets, machines = client.virtual_machine_scale_sets, client.virtual_machine_scale_set_vms
told = {
    "sets": walked(sets.list(group)),
    "sets of all": walked(sets.list_all()),
    "machines": walked(machines.list(group, "fleet")),
    "some machines": walked(machines.list(group, "fleet", filter="instanceId ne '1'", expand="instanceView")),
    "galleries": walked(client.galleries.list_by_resource_group(group)),
}
print(json.dumps(told))  # noqa: T201
