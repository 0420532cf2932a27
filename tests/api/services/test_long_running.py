"""What pollers need of every operation (docs/rules.md K3), for every route that there is.

A client asks once at once and then after `Retry-After`, or half a minute where that is missing or 0: an operation that
ends is seen to have ended a second later wherever every one of these answers says 1.
"""

from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from api.app import ARM_ROUTERS
from api.deployments.deployment_runs import tend_once
from api.instances import unsupported
from api.kept.named import BELOW, FURTHER
from tests.api.conftest import GROUP, LOCATION, OLD, SCALE_SET, SUBSCRIPTION, Api, document
from tests.api.galleries.gallery import GALLERY, IMAGE, image_body, make_image, publish, version_body
from tests.api.networks.test_load_balancers import BALANCER, FRONT
from tests.api.networks.test_service_fabric_clusters import MAIN, SILVER
from tests.api.test_nonsense import filled

VERSION = {"api-version": "2023-09-01"}
"""Which the URLs of operations repeat."""

NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/spare"
"""That no scale set names."""
DEPLOYMENT = f"{GROUP}/providers/Microsoft.Resources/deployments/first"
KEPT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/kept"
"""A resource of a type that Instar does not know, as a template leaves it."""
NAMES = {
    "eventId": "none",
    "loadBalancerName": "Front",
    "name": "spare",
    "galleryName": "Farm.Images",
    "imageName": "web",
    "versionName": "1.0.0",
}
KEPT_BELOW = filled(BELOW, **NAMES)
KEPT_FURTHER = filled(FURTHER, **NAMES)
SETUP = f"{SCALE_SET}/extensions/setup"
GALLERY_VERSION = f"{IMAGE}/versions/1.0.0"
PLATFORM_VERSION = (
    f"{LOCATION}/publishers/Canonical/artifacttypes/vmimage/offers/UbuntuServer/skus/18.04-LTS/versions/{OLD}"
)
TEMPLATE = {
    "contentVersion": "1.0.0.0",
    "resources": [
        {
            "type": "Microsoft.Compute/virtualMachineScaleSets",
            "name": "of-template",
            "apiVersion": "2024-07-01",
            **document(),
        }
    ],
}
CUSTOM_SCRIPT = {"publisher": "Contoso", "type": "CustomScript", "typeHandlerVersion": "2.1"}
BODIES: dict[str, Any] = {
    f"PUT {SCALE_SET}": document(),
    f"POST {SCALE_SET}/manualupgrade": {"instanceIds": ["*"]},
    f"PUT {SETUP}": {
        "properties": document()["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"][1][
            "properties"
        ]
    },
    f"PATCH {SETUP}": {"properties": {"settings": {"x": 2}}},
    f"POST {SCALE_SET}/scaleOut": {"capacity": 5},
    f"POST {SCALE_SET}/delete": {"instanceIds": ["0"]},
    f"PUT {SCALE_SET}/virtualMachines/0": {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}},
    f"PUT {SCALE_SET}/instar/rolloutPolicy": {"properties": {"waves": [1]}},
    f"POST {SCALE_SET}/instar/rolloutPolicy/check": {"waves": [1]},
    f"PUT {SCALE_SET}/instar/retention": {"keepPreviousDisks": "P7D", "reason": "holidays"},
    f"POST {SCALE_SET}/instar/pause": {"reason": "storage is moved"},
    f"PUT {GROUP}": {"location": "westus2"},
    f"PUT {GALLERY}": {"location": "westus2"},
    f"PUT {IMAGE}": image_body(),
    f"PUT {GALLERY_VERSION}": version_body(),
    f"PUT {FRONT}": BALANCER,
    f"PUT {FRONT}/probes/web": {"properties": {"protocol": "Tcp", "port": 80}},
    f"PUT {MAIN}": SILVER,
    f"PUT {NETWORK}": {"location": "westus2", "properties": {"subnets": [{"name": "one"}]}},
    f"PUT {NETWORK}/subnets/one": {"properties": {"addressPrefix": "10.0.0.0/24"}},
    f"PUT {DEPLOYMENT}": {"properties": {"mode": "Incremental", "template": TEMPLATE, "parameters": {}}},
    f"POST {DEPLOYMENT}/validate": {"properties": {"mode": "Incremental", "template": TEMPLATE, "parameters": {}}},
    f"POST {DEPLOYMENT}/whatIf": {"properties": {"mode": "Incremental", "template": TEMPLATE, "parameters": {}}},
    **{f"PUT {path}": {"location": "westus2", "properties": {}} for path in (KEPT, KEPT_BELOW, KEPT_FURTHER)},
}
"""What a route is asked with; otherwise PATCH changes tags and the rest sends nothing."""

AT_ONCE = {
    f"PUT {GROUP}",
    f"PUT {KEPT}",
    f"PUT {KEPT_BELOW}",
    f"PUT {KEPT_FURTHER}",
    f"PATCH {KEPT}",
    f"PATCH {GROUP}",
    f"PUT {PLATFORM_VERSION}",
    f"DELETE {PLATFORM_VERSION}",
    f"DELETE {DEPLOYMENT}",
    f"POST {DEPLOYMENT}/validate",
    f"POST {DEPLOYMENT}/whatIf",
    f"POST {DEPLOYMENT}/cancel",
    f"POST {SCALE_SET}/instar/automaticOSUpgrades/quarantine/{OLD}/lift",
    f"POST {SCALE_SET}/instar/reconcile",
    f"POST {SCALE_SET}/instar/pause",
    f"POST {SCALE_SET}/instar/plan",
    f"POST {SCALE_SET}/instar/resume",
    f"PUT {SCALE_SET}/instar/retention",
    f"DELETE {SCALE_SET}/instar/retention",
    f"PUT {SCALE_SET}/instar/rolloutPolicy",
    f"DELETE {SCALE_SET}/instar/rolloutPolicy",
    f"POST {SCALE_SET}/instar/rolloutPolicy/check",
    f"POST {SCALE_SET}/instar/rolloutPolicy/test",
    f"POST {LOCATION.partition('/locations')[0]}/register",
}
"""The routes whose work is done when they answer and that start no operation, as their own tests show."""

SUBSCRIPTIONS_OWN = f"{GROUP.partition('/resourceGroups')[0]}/providers/Microsoft.Resources/deployments/first"
NOT_SUPPORTED = {
    f"POST {GROUP}/exportTemplate",
    f"PATCH {SCALE_SET}/lifecycleHookEvents/none",
    f"POST {DEPLOYMENT}/exportTemplate",
    f"PUT {SUBSCRIPTIONS_OWN}",
    f"POST {SCALE_SET}/instar/approve",
    f"POST {SCALE_SET}/instar/reject",
    f"POST {SCALE_SET}/instar/rollback",
    f"POST {SCALE_SET}/instar/rollback/plan",
    f"POST {SUBSCRIPTIONS_OWN}/validate",
    f"POST {SUBSCRIPTIONS_OWN}/whatIf",
}
"""Routes that only say so; and words at a gate at which nothing waits, and no disk to go back to."""


def changing_routes() -> list[str]:
    """Each as method and path, in an order in which all can be asked of one world: deletions last, from the inside."""
    found = {
        (method, filled(route.path, **NAMES))
        for router in ARM_ROUTERS
        if router is not unsupported.router
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
        if method not in ("GET", "HEAD")
    }
    ordered = sorted(found, key=lambda one: (one[0] == "DELETE", -one[1].count("/"), one[1], one[0]))
    return [one for method, path in ordered if (one := f"{method} {path}") not in NOT_SUPPORTED]


@pytest.fixture
async def world(api: Api) -> Api:
    assert (await api.call("PUT", GROUP, {"location": "westus2"})).status_code == 201
    await api.create()
    await api.add_machines(1)
    api.store.images.publish("Canonical", "UbuntuServer", "18.04-LTS", OLD, "westus2", {}, api.clock())
    await make_image(api)
    await publish(api, "1.0.0")
    for path in (FRONT, MAIN, NETWORK):
        assert (await api.call("PUT", path, BODIES[f"PUT {path}"])).status_code == 201
    for path in (KEPT, KEPT_BELOW, KEPT_FURTHER):
        namespace, *words = path.partition("/providers/")[2].split("/")
        kind = "/".join([namespace, *words[::2]])
        api.store.resources.put(kind, path, SUBSCRIPTION, "Farm", {"location": "westus2"}, api.clock())
    return api


async def asked(api: Api, route: str) -> httpx.Response:
    method, _, path = route.partition(" ")
    body = BODIES.get(route, {"tags": {"a": "b"}} if method == "PATCH" else None)
    answer = await api.http.request(method, path, params=VERSION, json=body)
    assert answer.status_code < 300, f"{route}: {answer.status_code} {answer.text} (BODIES says what it is asked with)"
    return answer


async def end_everything(api: Api) -> None:
    """What workers and time would do."""
    await tend_once(api.app.state.services)
    api.end_operations()
    await tend_once(api.app.state.services)
    for one in api.store.scale_sets.list(SUBSCRIPTION):
        if one.deleting:
            api.store.scale_sets.delete(one.identity.unique_id)
    api.clock.advance(api.app.state.services.settings.delays.replication)


async def test_k3_every_operation_of_every_route_is_seen_to_end_within_a_second(world: Api) -> None:
    """docs/rules.md K3: both URLs and their answers, `Retry-After` while it runs; PUT and PATCH have no Location."""
    routes = [one for one in changing_routes() if one not in AT_ONCE]
    await check_all(world, [(one, await asked(world, one)) for one in routes if not one.startswith("DELETE")])
    for one in routes:
        if one.startswith("DELETE"):
            await check_all(world, [(one, await asked(world, one))])


async def test_k3_routes_that_start_no_operation_have_no_headers_of_one(world: Api) -> None:
    await asked(world, f"PUT {DEPLOYMENT}")
    routes = changing_routes()
    for one in routes:
        if one in AT_ONCE:
            answer = await asked(world, one)
            assert not {"azure-asyncoperation", "location", "retry-after"} & set(answer.headers), one
        if one == f"POST {DEPLOYMENT}/cancel":
            await end_everything(world)
    assert set(routes) >= AT_ONCE


async def check_all(api: Api, began: list[tuple[str, httpx.Response]]) -> None:
    for route, answer in began:
        check_answer(route, answer)
        status = await api.http.get(answer.headers["Azure-AsyncOperation"])
        assert status.status_code == 200, route
        runs = status.json()["status"] in ("InProgress", "Running")
        assert runs or status.json()["status"] == "Succeeded", route
        assert status.headers.get("Retry-After") == ("1" if runs else None), route
        if "Location" in answer.headers:
            monitor = await api.http.get(answer.headers["Location"])
            assert (monitor.status_code, monitor.content) == (202 if runs else 200, b""), route
            assert monitor.headers.get("Retry-After") == ("1" if runs else None), route
    await end_everything(api)
    for route, answer in began:
        status = await api.http.get(answer.headers["Azure-AsyncOperation"])
        assert status.json()["status"] == "Succeeded", f"{route}: {status.text}"
        assert "Retry-After" not in status.headers, route
        if "Location" in answer.headers:
            monitor = await api.http.get(answer.headers["Location"])
            assert (monitor.status_code, monitor.content) == (200, b""), f"{route}: JS fails at 204"


def check_answer(route: str, answer: httpx.Response) -> None:
    """The first answer: what Python, az and JavaScript take (docs/rules.md K7, K3)."""
    changes = route.startswith(("PUT", "PATCH"))
    assert answer.status_code in ((200, 201) if changes else (202,)), route
    assert not (route.startswith("PATCH") and answer.status_code != 200), route
    assert answer.headers.get("Retry-After") == "1", f"{route} starts no operation: is it one of AT_ONCE?"
    urls = [answer.headers["Azure-AsyncOperation"]]
    if changes:
        assert "Location" not in answer.headers, route
        assert answer.json()["properties"]["provisioningState"], route
    else:
        assert answer.content == b"", route
        assert answer.headers["Azure-AsyncNotification"] == "Enabled", route
        urls.append(answer.headers["Location"])
        assert "monitor=true" in urls[1], route
        assert answer.headers["x-ms-request-id"] in urls[0], route
    for url in urls:
        assert url.startswith("http://api.test:8000/subscriptions/"), route
        assert "api-version=2023-09-01" in url, route
