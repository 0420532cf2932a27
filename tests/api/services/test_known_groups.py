"""What is asked in a resource group that is not there: ResourceGroupNotFound, as ARM says before it looks further."""

from typing import Any

import pytest

from tests.api.conftest import GROUP, SCALE_SET, Api, error_of

NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks"
DEPLOYMENTS = f"{GROUP}/providers/Microsoft.Resources/deployments"

ASKED: tuple[tuple[str, str, Any], ...] = (
    ("GET", SCALE_SET, None),
    ("HEAD", SCALE_SET, None),
    ("PATCH", SCALE_SET, {"tags": {}}),
    ("GET", f"{SCALE_SET}/virtualMachines", None),
    ("GET", f"{SCALE_SET}/virtualMachines/0", None),
    ("POST", f"{SCALE_SET}/osRollingUpgrade", None),
    ("GET", f"{SCALE_SET}/rollingUpgrades/latest", None),
    ("GET", f"{SCALE_SET}/extensions/setup", None),
    ("GET", SCALE_SET.rpartition("/")[0], None),
    ("GET", NETWORK, None),
    ("GET", f"{NETWORK}/net", None),
    ("GET", f"{NETWORK}/net/subnets", None),
    ("PUT", f"{NETWORK}/net/subnets/web", {"properties": {}}),
    ("DELETE", f"{NETWORK}/net/subnets/web", None),
    ("GET", f"{DEPLOYMENTS}/first", None),
)


@pytest.mark.parametrize(("method", "path", "body"), ASKED, ids=[f"{method} {path[74:]}" for method, path, _ in ASKED])
async def test_the_group_comes_first(api: Api, method: str, path: str, body: Any) -> None:
    answer = await api.call(method, path, body)
    assert answer.status_code == 404
    if method == "HEAD":
        return
    expected = {"code": "ResourceGroupNotFound", "message": "Resource group 'Farm' could not be found."}
    assert error_of(answer) == expected
    await api.call("PUT", GROUP, {"location": "westus2"})
    answer = await api.call(method, path, body)
    assert answer.status_code == 200 or error_of(answer)["code"] != expected["code"]


async def test_a_group_is_there_as_long_as_something_is_in_it(api: Api) -> None:
    await api.create()
    for path in (f"{NETWORK}/net", SCALE_SET.replace("/web", "/none")):
        assert error_of(await api.call("GET", path))["code"] == "ResourceNotFound"
    assert (await api.get(NETWORK)) == {"value": []}
    assert (await api.call("HEAD", SCALE_SET)).status_code == 204
