"""H3, P6: what automatic upgrades require of a set's load-balancer probe, through the API."""

from typing import Any

import pytest

from tests.api.conftest import ENABLE, GROUP, SCALE_SET, Api, document, error_of

FRONT = f"{GROUP}/providers/Microsoft.Network/loadBalancers/front"
PROFILE = "properties__virtualMachineProfile"


@pytest.mark.parametrize(
    ("sku", "interval", "threshold", "single", "part"),
    [
        ("Standard", 15, 2, False, ""),
        ("Basic", 15, 2, True, ""),
        ("Basic", 15, 2, False, "which needs a health probe of a load balancer of sku Standard"),
        ("Standard", 120, 2, True, "the interval of its health probe is 120 seconds; it must be less than 120 seconds"),
        ("Standard", 119, 3, True, "its health source needs 357 seconds for an answer"),
    ],
)
async def test_h3_p6_a_probe_that_cannot_carry_automatic_upgrades_is_refused(
    api: Api, *, sku: str, interval: int, threshold: int, single: bool, part: str
) -> None:
    question = {"protocol": "Tcp", "port": 80, "intervalInSeconds": interval, "probeThreshold": threshold}
    body = {
        "location": "westus2",
        "sku": {"name": sku},
        "properties": {"probes": [{"name": "p", "properties": question}]},
    }
    assert (await api.call("PUT", FRONT, body)).status_code == 201
    changes: dict[str, Any] = {
        f"{PROFILE}__extensionProfile": None,
        f"{PROFILE}__networkProfile__healthProbe": {"id": f"{FRONT}/probes/p"},
        "properties__singlePlacementGroup": single,
    }
    created = await api.call("PUT", SCALE_SET, document(**changes))
    assert created.status_code == 201, created.text
    before = api.stored()
    answer = await api.call("PATCH", SCALE_SET, ENABLE)
    assert answer.status_code == (400 if part else 200), answer.text
    if part:
        assert part in error_of(answer)["message"]
        assert api.stored() == before
