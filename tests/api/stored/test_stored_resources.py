"""What all resources that are kept as documents have in common."""

from typing import Any

import pytest

from api.networks import load_balancers, service_fabric_clusters
from tests.api.conftest import GROUP, Api, error_of
from tests.api.galleries.gallery import GALLERY

BALANCER = f"{GROUP}/providers/Microsoft.Network/loadBalancers/Front"
CLUSTER = f"{GROUP}/providers/Microsoft.ServiceFabric/clusters/Main"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/Net"
DOCUMENT: dict[str, Any] = {
    "location": "westus2",
    "properties": {"nodeTypes": [{"name": "front", "durabilityLevel": "Silver"}]},
}


@pytest.mark.parametrize(("path", "module"), [(BALANCER, load_balancers), (CLUSTER, service_fabric_clusters)])
async def test_a_patch_that_another_change_overtakes_is_refused_and_loses_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, path: str, module: Any
) -> None:
    assert (await api.call("PUT", path, DOCUMENT)).status_code == 201
    merged_document = module.merged_document

    async def overtaken(*given: Any, **named: Any) -> Any:
        document = await merged_document(*given, **named)
        monkeypatch.undo()
        assert (await api.call("PUT", path, DOCUMENT | {"tags": {"by": "another"}})).status_code == 200
        return document

    monkeypatch.setattr(module, "merged_document", overtaken)
    assert (await api.call("PATCH", path, {"tags": {"by": "me"}})).status_code == 409
    assert (await api.get(path))["tags"] == {"by": "another"}


@pytest.mark.parametrize("path", [BALANCER, CLUSTER, GALLERY, NETWORK])
@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("sku", False, "'sku' must be an object."),
        ("sku", "Standard", "'sku' must be an object."),
        ("tags", {"night": 1}, "Every value of 'tags' must be a string."),
        ("tags", {"night": None}, "Every value of 'tags' must be a string."),
        ("tags", {"night": {}}, "Every value of 'tags' must be a string."),
    ],
)
async def test_tags_and_sku_of_every_kind_have_their_type(
    api: Api, path: str, key: str, value: Any, words: str
) -> None:
    answer = await api.call("PUT", path, DOCUMENT | {key: value})
    assert answer.status_code == 400
    assert error_of(answer)["message"] == words
    assert (await api.call("GET", path)).status_code == 404
