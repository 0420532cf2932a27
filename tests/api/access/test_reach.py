"""What a request reaches beyond its path takes the caller's own roles there, each by itself."""

import copy
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.deployments.deployment_runs import tend_once
from instar.domain.access import Grant, Role
from tests.api.conftest import GROUP, LOCATION, SCALE_SET, SUBSCRIPTION, Api, document, error_of
from tests.api.galleries import gallery
from tests.api.networks.test_load_balancers import BALANCER, probed

OTHER = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Other"
WEB = SCALE_SET.replace("/Farm/", "/Other/")
FRONT = f"{GROUP}/providers/Microsoft.Network/loadBalancers/Front"
CLUSTER = f"{GROUP}/providers/Microsoft.ServiceFabric/clusters/main"
PROBE = f"{FRONT}/probes/web"
NET = "Microsoft.Network/virtualNetworks"

Call = Callable[..., Any]


class Someone:
    """A client with roles of its own."""

    def __init__(self, api: Api, *grants: Grant) -> None:
        client, _ = api.store.credentials.create("someone", grants[0], api.clock())
        for grant in grants[1:]:
            api.store.credentials.assign(client.client_id, grant)
        assert api.access.own is not None
        self.client_id = client.client_id
        self._http = api.http
        self._headers = {"Authorization": f"Bearer {api.access.own._token(client, api.clock())}"}

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        query = {"api-version": "2024-11-01"} if "?" not in path else None
        return await self._http.request(method, path, params=query, json=body, headers=self._headers)


def contributor(scope: str) -> Grant:
    return Grant(Role.CONTRIBUTOR, scope)


def reader(scope: str) -> Grant:
    return Grant(Role.READER, scope)


def from_gallery() -> dict[str, Any]:
    return document(properties__virtualMachineProfile__storageProfile__imageReference={"id": gallery.IMAGE})


def of_cluster() -> dict[str, Any]:
    node = {
        "name": "node",
        "properties": {
            "publisher": "Microsoft.Azure.ServiceFabric",
            "type": "ServiceFabricLinuxNode",
            "typeHandlerVersion": "1.1",
            "settings": {"clusterEndpoint": CLUSTER, "nodeTypeRef": "front", "durabilityLevel": "Silver"},
        },
    }
    return document(properties__virtualMachineProfile__extensionProfile={"extensions": [node]})


@pytest.fixture
async def farm(api: Api) -> Api:
    """A group whose images, probes and cluster somebody else would like to use."""
    assert (await api.call("PUT", FRONT, BALANCER)).status_code == 201
    await gallery.make_image(api)
    await gallery.publish(api, "1.0.0")
    api.clock.advance(api.app.state.services.settings.delays.replication)
    nodes = {"nodeTypes": [{"name": "front", "durabilityLevel": "Silver"}]}
    assert (await api.call("PUT", CLUSTER, {"location": "westus2", "properties": nodes})).status_code == 201
    return api


LINKED = [
    (lambda: probed(PROBE), "Microsoft.Network/loadBalancers/probes/join/action", Role.CONTRIBUTOR),
    (from_gallery, "Microsoft.Compute/galleries/images/versions/read", Role.READER),
    (of_cluster, "Microsoft.ServiceFabric/clusters/read", Role.READER),
]


@pytest.mark.parametrize(("body", "action", "least"), LINKED, ids=["probe", "image", "cluster"])
async def test_what_a_set_names_in_another_group_takes_a_role_there(
    farm: Api, body: Call, action: str, least: Role
) -> None:
    without = Someone(farm, contributor(OTHER), *([reader(GROUP)] if least is Role.CONTRIBUTOR else []))
    answer = await without.call("PUT", WEB, body())
    assert (answer.status_code, error_of(answer)["code"]) == (403, "LinkedAuthorizationFailed")
    assert action in error_of(answer)["message"]
    assert farm.store.scale_sets.find(WEB) is None
    made = await Someone(farm, contributor(OTHER), Grant(least, GROUP)).call("PUT", WEB, body())
    assert made.status_code == 201, made.text


@pytest.mark.parametrize("body", [one[0] for one in LINKED], ids=["probe", "image", "cluster"])
async def test_what_a_set_names_already_stays_for_whoever_may_change_the_set_alone(farm: Api, body: Call) -> None:
    assert (await farm.call("PUT", WEB, body())).status_code == 201
    someone = Someone(farm, contributor(WEB))
    changed = body()
    changed["sku"]["capacity"] = 5
    assert (await someone.call("PUT", WEB, changed)).status_code == 200
    assert (await someone.call("PATCH", WEB, {"sku": {"capacity": 2}})).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_of_a_set_names_nothing_new_without_a_role_there(farm: Api, method: str) -> None:
    assert (await farm.call("PUT", WEB, document())).status_code == 201
    before = farm.stored(WEB).generation
    for body in (probed(PROBE), from_gallery()):
        answer = await Someone(farm, contributor(OTHER)).call(method, WEB, body)
        assert (answer.status_code, error_of(answer)["code"]) == (403, "LinkedAuthorizationFailed")
    assert farm.stored(WEB).generation == before


async def test_an_extension_names_nothing_new_without_a_role_there(farm: Api) -> None:
    assert (await farm.call("PUT", WEB, document())).status_code == 201
    [node] = of_cluster()["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    for method, body in (("PUT", node), ("PATCH", node)):
        if method == "PATCH":
            plain = {"properties": {"publisher": "contoso", "type": "agent", "typeHandlerVersion": "1.0"}}
            assert (await farm.call("PUT", f"{WEB}/extensions/node", plain)).status_code == 201
        before = farm.stored(WEB).generation
        answer = await Someone(farm, contributor(OTHER)).call(method, f"{WEB}/extensions/node", body)
        assert (answer.status_code, error_of(answer)["code"]) == (403, "LinkedAuthorizationFailed")
        assert farm.stored(WEB).generation == before
    someone = Someone(farm, contributor(f"{WEB}/extensions/node"), reader(CLUSTER))
    assert (await someone.call("PUT", f"{WEB}/extensions/node", node)).status_code == 200
    assert (await someone.call("POST", f"{WEB}/scaleOut", {"capacity": 9})).status_code == 403


async def test_nobody_is_told_whether_what_is_out_of_reach_is_there(farm: Api) -> None:
    someone = Someone(farm, contributor(OTHER))
    answers = [
        await someone.call("PUT", WEB, probed(probe))
        for probe in (PROBE, PROBE.replace("web", "x"), f"{FRONT}x/probes/w")
    ]
    assert [(one.status_code, error_of(one)["code"]) for one in answers] == [(403, "LinkedAuthorizationFailed")] * 3


DEPLOYMENT = f"{GROUP}/providers/Microsoft.Resources/deployments/mine"
NETWORK = {"type": NET, "name": "net", "apiVersion": "2024-05-01", "location": "westus2", "properties": {}}


def template(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"properties": {"mode": "Incremental", "template": {"resources": list(resources), **more}}}


@pytest.mark.parametrize("path", [DEPLOYMENT, f"{DEPLOYMENT}/validate"])
async def test_a_role_at_a_deployment_is_none_at_what_it_makes(farm: Api, path: str) -> None:
    method = "POST" if path.endswith("validate") else "PUT"
    someone = Someone(farm, contributor(DEPLOYMENT))
    answer = await someone.call(method, path, template(NETWORK))
    assert (answer.status_code, error_of(answer)["code"]) == (403, "InvalidTemplateDeployment")
    assert f"{NET}/write" in error_of(answer)["message"]
    assert farm.store.resources.find(f"{GROUP}/providers/{NET}/net") is None
    assert farm.store.resources.find(DEPLOYMENT) is None
    assert (await someone.call(method, path, template())).status_code in (200, 201)


async def test_each_resource_of_a_template_is_asked_for_before_the_first_is_made(farm: Api) -> None:
    mine = f"{GROUP}/providers/{NET}/net"
    someone = Someone(farm, contributor(DEPLOYMENT), contributor(mine))
    other = {**NETWORK, "name": "another"}
    answer = await someone.call("PUT", DEPLOYMENT, template(NETWORK, other))
    assert (answer.status_code, error_of(answer)["target"]) == (403, f"{GROUP}/providers/{NET}/another")
    assert farm.store.resources.find(mine) is None
    assert (await someone.call("PUT", DEPLOYMENT, template(NETWORK))).status_code == 201
    assert farm.store.resources.find(mine) is not None


async def test_a_set_of_a_template_links_no_further_than_a_put_of_it(farm: Api) -> None:
    deployment = DEPLOYMENT.replace("/Farm/", "/Other/")
    await farm.call("PUT", OTHER, {"location": "westus2"})
    body = probed(PROBE) | {
        "type": "Microsoft.Compute/virtualMachineScaleSets",
        "name": "web",
        "apiVersion": "2024-11-01",
    }
    answer = await Someone(farm, contributor(OTHER)).call("PUT", deployment, template(body))
    properties = answer.json()["properties"]
    assert properties["provisioningState"] == "Failed"
    assert properties["error"]["details"][0]["code"] == "LinkedAuthorizationFailed"
    assert farm.store.scale_sets.find(WEB) is None


async def test_a_template_reads_no_more_than_its_caller(farm: Api) -> None:
    deployment = DEPLOYMENT.replace("/Farm/", "/Other/")
    await farm.call("PUT", OTHER, {"location": "westus2"})
    outputs = {"secret": {"type": "object", "value": f"[reference('{FRONT}', '2024-05-01', 'Full')]"}}
    for grants, state in (([], "Failed"), ([reader(FRONT)], "Succeeded")):
        someone = Someone(farm, contributor(OTHER), *grants)
        answer = await someone.call("PUT", deployment, template(outputs=outputs))
        properties = answer.json()["properties"]
        assert properties["provisioningState"] == state, answer.text
        assert ("requestPath" in answer.text) == (state == "Succeeded")
    tagged = copy.deepcopy(NETWORK) | {"tags": {"x": f"[reference('{FRONT}', '2024-05-01', 'Full').sku.name]"}}
    answer = await Someone(farm, contributor(OTHER)).call("PUT", deployment, template(tagged))
    assert answer.json()["properties"]["error"]["details"][0]["code"] == "AuthorizationFailed"
    assert farm.store.resources.find(f"{OTHER}/providers/{NET}/net") is None


SET = {"type": "Microsoft.Compute/virtualMachineScaleSets", "name": "web", "apiVersion": "2024-11-01"}


async def goes_on(farm: Api, someone: Someone, *resources: dict[str, Any], **more: Any) -> None:
    """Somebody's deployment in the other group, which waits for a set of its template."""
    await farm.call("PUT", OTHER, {"location": "westus2"})
    deployment = DEPLOYMENT.replace("/Farm/", "/Other/")
    answer = await someone.call("PUT", deployment, template(document() | SET, *resources, **more))
    assert answer.json()["properties"]["provisioningState"] == "Running", answer.text


async def ended(farm: Api) -> tuple[dict[str, Any], bool]:
    """The deployment after its set was made, and whether what it needs to go on is still kept."""
    farm.end_operations()
    await tend_once(farm.app.state.services)
    stored = farm.store.resources.find(DEPLOYMENT.replace("/Farm/", "/Other/"))
    assert stored is not None
    return stored.document, "sealed" in stored.document


AFTER = NETWORK | {"dependsOn": ["web"]}
MADE = f"{OTHER}/providers/{NET}/net"


def reading(path: str) -> str:
    return f"[reference('{path}', '2024-05-01', 'Full').name]"


@pytest.mark.parametrize(
    ("taken", "action"),
    [
        (reader(FRONT), "Microsoft.Network/loadBalancers/read"),
        (contributor(OTHER), f"{NET}/write"),
    ],
    ids=["what it reads", "what it makes"],
)
async def test_a_deployment_whose_caller_lost_a_role_meanwhile_fails_and_says_so(
    farm: Api, taken: Grant, action: str
) -> None:
    someone = Someone(farm, contributor(OTHER), reader(FRONT))
    await goes_on(farm, someone, AFTER | {"tags": {"front": reading(FRONT)}})
    assert farm.store.credentials.unassign(someone.client_id, taken)
    document, kept = await ended(farm)
    [detail] = document["error"]["details"]
    assert (document["state"], kept, detail["code"]) == ("Failed", False, "AuthorizationFailed")
    assert action in detail["message"]
    assert farm.store.resources.find(MADE) is None


async def test_a_deployment_whose_caller_was_revoked_meanwhile_fails_and_says_so(farm: Api) -> None:
    someone = Someone(farm, contributor("/"))
    await goes_on(farm, someone, AFTER)
    assert farm.store.credentials.revoke(someone.client_id, farm.clock())
    document, kept = await ended(farm)
    [detail] = document["error"]["details"]
    assert (document["state"], kept, detail["code"]) == ("Failed", False, "AuthorizationFailed")
    assert farm.store.resources.find(MADE) is None


async def test_outputs_that_the_caller_may_not_read_any_more_fail_a_deployment(farm: Api) -> None:
    someone = Someone(farm, contributor(OTHER), reader(FRONT))
    await goes_on(farm, someone, outputs={"front": {"type": "string", "value": reading(FRONT)}})
    farm.store.credentials.unassign(someone.client_id, reader(FRONT))
    document, kept = await ended(farm)
    assert (document["state"], kept, document["outputs"]) == ("Failed", False, {})
    assert document["error"]["details"][0]["code"] == "AuthorizationFailed"


async def test_a_deployment_goes_on_with_the_roles_of_who_deployed_it(farm: Api) -> None:
    await goes_on(farm, Someone(farm, contributor(OTHER), reader(FRONT)), AFTER | {"tags": {"front": reading(FRONT)}})
    document, kept = await ended(farm)
    assert (document["state"], kept, document["error"]) == ("Succeeded", False, None)
    made = farm.store.resources.find(MADE)
    assert made is not None
    assert made.document["tags"] == {"front": "Front"}


async def test_what_a_deployment_makes_is_in_the_audit_log_under_who_deployed_it(farm: Api) -> None:
    someone = Someone(farm, contributor(OTHER))
    await goes_on(farm, someone, AFTER)
    operation = farm.gateway.sent[-1][1].operation_id
    farm.store.credentials.unassign(someone.client_id, contributor(OTHER))
    await ended(farm)
    theirs = [one for one in farm.store.audit.newest(10) if one.principal == someone.client_id]
    assert [(one.action, one.resource, one.status, one.request_id) for one in reversed(theirs)] == [
        ("Microsoft.Compute/virtualMachineScaleSets/write", WEB, 200, operation),
        ("Microsoft.Resources/deployments/write", DEPLOYMENT.replace("/Farm/", "/Other/"), 201, ""),
        (f"{NET}/write", MADE, 403, ""),
    ]


async def test_an_operation_is_shown_to_those_who_have_a_role_at_what_it_is_about(farm: Api) -> None:
    started = [
        (await farm.create(), SCALE_SET),
        (await farm.call("POST", f"{SCALE_SET}/restart"), SCALE_SET),
        (await farm.call("PUT", FRONT, BALANCER), FRONT),
        (await gallery.publish(farm, "2.0.0"), f"{gallery.IMAGE}/versions/2.0.0"),
        (await farm.call("DELETE", GROUP), GROUP),
    ]
    for answer, about in started:
        url = answer.headers["Azure-AsyncOperation"]
        assert (await Someone(farm, contributor(OTHER)).call("GET", url)).status_code == 404, about
        assert (await Someone(farm, reader(about)).call("GET", url)).status_code == 200, about
        assert (await Someone(farm, reader(f"{about}/x/y")).call("GET", url)).status_code == 200, about
        assert (await Someone(farm, reader("/subscriptions/else")).call("GET", url)).status_code == 403, about


async def test_an_operation_of_which_nobody_wrote_down_what_it_is_about_is_shown_to_the_subscription(farm: Api) -> None:
    answer = await farm.create()
    operation = answer.headers["x-ms-request-id"]
    with farm.store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE operations SET resource_id = ''")
    found = await Someone(farm, reader(OTHER)).call("GET", f"{LOCATION}/operations/{operation}")
    assert found.status_code == 200


async def test_a_list_of_groups_holds_those_in_which_the_caller_has_a_role(farm: Api) -> None:
    await farm.call("PUT", OTHER, {"location": "westus2"})
    listed = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
    for scope, names in ((OTHER, ["Other"]), (FRONT, ["Farm"]), (f"/subscriptions/{SUBSCRIPTION}", ["Farm", "Other"])):
        answer = await Someone(farm, reader(scope)).call("GET", listed)
        assert [one["name"] for one in answer.json()["value"]] == names
    assert (await Someone(farm, reader(OTHER)).call("GET", GROUP)).status_code == 403


async def test_a_list_of_groups_leaves_out_one_that_goes_meanwhile(farm: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm.store, "resource_groups", lambda _subscription: ["Farm", "Gone"])
    answer = await farm.get(f"/subscriptions/{SUBSCRIPTION}/resourceGroups")
    assert [one["name"] for one in answer["value"]] == ["Farm"]


@pytest.mark.parametrize("below", ["skus", "extensions", "extensions/health", "lifecycleHookEvents", "virtualMachines"])
async def test_what_is_below_a_set_is_read_with_a_role_at_the_set_and_no_other(farm: Api, below: str) -> None:
    await farm.create()
    assert (await Someone(farm, reader(SCALE_SET)).call("GET", f"{SCALE_SET}/{below}")).status_code == 200
    assert (await Someone(farm, reader(f"{SCALE_SET}2")).call("GET", f"{SCALE_SET}/{below}")).status_code == 403


async def test_lists_of_resources_take_a_role_at_what_they_are_lists_of(farm: Api) -> None:
    await farm.create()
    for scope, statuses in (
        (SCALE_SET, [403, 403]),
        (GROUP, [200, 403]),
        (f"/subscriptions/{SUBSCRIPTION}", [200] * 2),
    ):
        someone = Someone(farm, reader(scope))
        lists = [f"{GROUP}/resources", f"/subscriptions/{SUBSCRIPTION}/resources"]
        asked = "?api-version=2021-04-01&$filter=name eq 'web'&$top=1"
        assert [(await someone.call("GET", one + asked)).status_code for one in lists] == statuses, scope


async def test_platform_images_are_published_and_withdrawn_by_those_with_a_role_everywhere(api: Api) -> None:
    version = f"{LOCATION}/publishers/P/artifacttypes/vmimage/offers/O/skus/S/versions/1.0"
    body = {"location": "westus2"}
    someone = Someone(api, Grant(Role.OWNER, f"/subscriptions/{SUBSCRIPTION}"))
    assert (await someone.call("PUT", version, body)).status_code == 403
    assert (await Someone(api, contributor("/")).call("PUT", version, body)).status_code in (200, 201)
    assert (await someone.call("GET", version)).status_code == 200
    assert (await someone.call("DELETE", version)).status_code == 403
    assert (await api.call("GET", version)).status_code == 200
