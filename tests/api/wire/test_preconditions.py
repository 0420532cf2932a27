"""If-Match and If-None-Match of every kind of resource that has an etag: refused with 412, and nothing changed."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import GROUP, SCALE_SET, Api, document, error_of
from tests.api.galleries.gallery import GALLERY, IMAGE, image_body, make_image, publish, version_body

NETWORK = f"{GROUP}/providers/Microsoft.Network"
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "scale set": (SCALE_SET, document()),
    "gallery": (GALLERY, {"location": "westus2"}),
    "image": (IMAGE, image_body()),
    "image version": (f"{IMAGE}/versions/1.0.0", version_body()),
    "load balancer": (f"{NETWORK}/loadBalancers/front", {"location": "westus2"}),
    "network": (f"{NETWORK}/virtualNetworks/net", {"location": "westus2"}),
    "cluster": (
        f"{GROUP}/providers/Microsoft.ServiceFabric/clusters/main",
        {"location": "westus2", "properties": {"nodeTypes": [{"name": "front", "durabilityLevel": "Silver"}]}},
    ),
}


async def asked(api: Api, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.http.request(method, path, params={"api-version": "2026-04-01"}, json=body, headers=given)


async def make(api: Api, kind: str) -> tuple[str, dict[str, Any]]:
    path, body = KINDS[kind]
    if kind == "scale set":
        await api.create()
    elif kind.startswith("image"):
        await make_image(api)
        if kind == "image version":
            await publish(api, "1.0.0")
    else:
        assert (await api.call("PUT", path, body)).status_code == 201
    return path, body


@pytest.mark.parametrize("kind", KINDS)
async def test_only_what_a_client_has_seen_is_changed_or_deleted(api: Api, kind: str) -> None:
    path, body = await make(api, kind)
    seen = await api.call("GET", path)
    tag = seen.headers["ETag"]
    assert tag == seen.json()["etag"]
    tagged = body | {"tags": {"by": "me"}}
    for method in ("PUT", "PATCH", "DELETE"):
        sent = {"tags": {"by": "me"}} if method == "PATCH" else tagged if method == "PUT" else None
        answer = await asked(api, method, path, sent, If_Match='"17"')
        assert answer.status_code == 412, (method, answer.text)
        assert error_of(answer)["code"] == "PreconditionFailed"
        assert tag in error_of(answer)["message"]
    assert (await api.call("GET", path)).json() == seen.json()
    answer = await asked(api, "PATCH", path, {"tags": {"by": "me"}}, If_Match=f'"17", {tag}')
    assert (answer.status_code, answer.headers["ETag"]) == (200, answer.json()["etag"])
    assert answer.headers["ETag"] != tag
    assert (await asked(api, "DELETE", path, If_Match=tag)).status_code == 412
    assert (await asked(api, "DELETE", path, If_Match=answer.headers["ETag"])).status_code == 202


@pytest.mark.parametrize("kind", KINDS)
async def test_create_only_leaves_what_is_there_and_change_only_makes_nothing(api: Api, kind: str) -> None:
    path, body = await make(api, kind)
    before = (await api.call("GET", path)).json()
    answer = await asked(api, "PUT", path, body | {"tags": {"by": "me"}}, If_None_Match="*")
    assert answer.status_code == 412
    assert (await api.call("GET", path)).json() == before
    other = path.replace("1.0.0", "1.0.1") if kind == "image version" else f"{path}2"
    assert (await asked(api, "PUT", other, body, If_Match="*")).status_code == 412
    assert (await api.call("GET", other)).status_code == 404
    assert (await asked(api, "DELETE", other, If_Match="*")).status_code == 412
    assert (await asked(api, "PUT", other, body, If_None_Match="*")).status_code == 201


async def test_a_delete_of_what_changed_meanwhile_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    path, body = await make(api, "network")
    tag = (await api.call("GET", path)).headers["ETag"]
    find = api.store.resources.find

    def overtaken(resource_id: str) -> Any:
        found = find(resource_id)
        assert found is not None
        monkeypatch.undo()
        put = api.store.resources.put
        put(found.type, path, found.subscription_id, "Farm", body | {"tags": {"by": "another"}}, api.clock())
        return found

    monkeypatch.setattr(api.store.resources, "find", overtaken)
    assert (await asked(api, "DELETE", path, If_Match=tag)).status_code == 409
    assert (await api.get(path))["tags"] == {"by": "another"}


async def test_an_instance_has_an_etag_that_changes_with_it(api: Api) -> None:
    await api.create()
    await api.add_machines(2)
    path = f"{SCALE_SET}/virtualMachines/0"
    seen = await api.call("GET", path)
    tag = seen.headers["ETag"]
    assert tag == seen.json()["etag"]
    assert (await api.call("GET", path, _expand="instanceView")).headers["ETag"] == tag, "a look changes nothing"
    listed = await api.get(f"{SCALE_SET}/virtualMachines")
    assert [one["etag"] == tag for one in listed["value"]] == [True, False]
    wish = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}
    handed_over = len(api.gateway.sent)
    for method in ("PUT", "DELETE"):
        answer = await asked(api, method, path, wish if method == "PUT" else None, If_Match='"17"')
        assert answer.status_code == 412
        assert error_of(answer)["code"] == "PreconditionFailed"
    assert (await asked(api, "PUT", path, wish, If_None_Match="*")).status_code == 412
    assert len(api.gateway.sent) == handed_over
    answer = await asked(api, "PUT", path, wish, If_Match=tag)
    assert (answer.status_code, answer.headers["ETag"]) == (200, tag)
    await api.fleet.protect(api.stored().identity, "0", from_actions=False, from_scale_in=True)
    assert (await api.call("GET", path)).headers["ETag"] != tag
    assert (await asked(api, "DELETE", path, If_Match=tag)).status_code == 412


async def test_the_tags_of_a_network_can_be_patched_and_nothing_else(api: Api) -> None:
    path, _ = await make(api, "network")
    answer = await api.call("PATCH", path, {"Tags": {"team": "web"}})
    assert (answer.status_code, answer.json()["tags"]) == (200, {"team": "web"})
    assert answer.headers["Azure-AsyncOperation"]
    assert (await api.get(path))["tags"] == {"team": "web"}
    bodies: list[dict[str, Any]] = [{"properties": {"addressSpace": {}}}, {"location": "eastus"}]
    for body in bodies:
        answer = await api.call("PATCH", path, body)
        assert (answer.status_code, error_of(answer)["code"]) == (400, "InvalidParameter")
    assert (await api.call("PATCH", f"{path}2", {"tags": {}})).status_code == 404
