"""The traps of the wire, one test each: what clients were seen to trip over (docs/rules.md, section K).

Shown elsewhere, so not here again:

| trap | where |
|---|---|
| 2.1, 1.2 api-versions: members, echo, `ETag` | wire/test_api_versions.py |
| 2.2 case of paths and query keys, double slash | test_nonsense.py |
| 2.3 headers, `Retry-After`, final 200, URLs behind a proxy | services/test_long_running.py, scale_sets |
| 2.3 `Canceled` with one l and an error | upgrades/test_rolling_upgrades.py |
| 2.4 every error has ARM's body | test_nonsense.py |
| 2.5 `latest` without id and name, history with both ends, rollback counts | upgrades/test_rolling_upgrades.py |
| 2.5 health codes in lower case | instances/test_instances.py, instances/test_health_of_instances.py |
| 2.5 gallery bodies, display names of regions | galleries/test_galleries.py, galleries/test_gallery_versions.py |
| 2.8 sentences of models: health, latest, Windows, publisher, kind | scale_sets |
| 2.8 cancel of nothing, start without `latest`, limits | tests/workflows, tests/domain/eligibility |
| section 5: 2 always an automatic policy; 3 PUT merges; 14 no secret | scale_sets/test_scale_sets.py |
| section 5: 5 and 6 templates that are no JSON, of 2017 | deployments/test_deployments.py |
| section 5: 9 both names of the end; 10 bare arrays | upgrades/test_rolling_upgrades.py, images/test_images.py |
| section 5: 12 the challenge of a 401; 13 the certificate | access/test_matrix.py, tests/client/test_credentials.py |
"""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from api.wire.moments import moment
from instar.domain.machines.actions import ActionKind
from instar.domain.messages.instance_actions import InstanceAction
from tests.api.conftest import LOCATION, OLD, SCALE_SET, Api, document, error_of

QUERY = {"api-version": "2024-11-01"}
EXTENSIONS = "properties__virtualMachineProfile__extensionProfile__extensions"


async def test_k2_dollar_signs_may_be_escaped_and_keys_in_any_order(api: Api) -> None:
    """docs/rules.md K2: query keys may be unsorted, `$` may be `%24`."""
    await api.create()
    await api.add_machines(1)
    for query in (
        "api-version=2024-11-01&%24expand=instanceView",
        "%24expand=instanceView&api-version=2024-11-01",
        "$Expand=instanceview&API-Version=2024-11-01",
    ):
        body = (await api.http.get(f"http://api.test:8000{SCALE_SET}/virtualMachines?{query}")).json()
        assert body["value"][0]["properties"]["instanceView"]["statuses"]


@pytest.mark.parametrize("star", ["%2A", "*"])
@pytest.mark.parametrize(
    ("action", "kind"),
    [("restart", ActionKind.RESTART), ("poweroff", ActionKind.POWER_OFF), ("reimage", ActionKind.REIMAGE)],
)
async def test_k2_a_star_as_instance_id_means_the_whole_set(api: Api, star: str, action: str, kind: ActionKind) -> None:
    """docs/rules.md K2: old command lines ask `/virtualmachines/%2A/restart`."""
    await api.create()
    await api.add_machines(2)
    answer = await api.http.post(f"http://api.test:8000{SCALE_SET}/virtualmachines/{star}/{action}", params=QUERY)
    assert answer.status_code == 202, answer.text
    asked = api.gateway.last
    assert isinstance(asked, InstanceAction)
    assert (asked.kind, asked.everyone, asked.on_instance) == (kind, True, False)


async def test_k2_a_star_is_never_deleted_or_protected(api: Api) -> None:
    await api.create()
    await api.add_machines(2)
    sent = len(api.gateway.sent)
    for method in ("DELETE", "PUT", "GET"):
        answer = await api.call(method, f"{SCALE_SET}/virtualMachines/%2A", {} if method == "PUT" else None)
        assert answer.status_code == 404
    assert len(api.gateway.sent) == sent


async def test_k4_ids_of_image_versions_are_spelt_as_azure_does(api: Api) -> None:
    """docs/rules.md K2: `/Subscriptions/…/Providers/…/ArtifactTypes/VMImage/…`, and such an id can be asked for."""
    api.store.images.publish("Canonical", "UbuntuServer", "18.04-LTS", OLD, "westus2", {}, api.clock())
    path = f"{LOCATION}/publishers/Canonical/artifacttypes/vmimage/offers/UbuntuServer/skus/18.04-LTS/versions/{OLD}"
    found = (await api.http.get(path, params=QUERY)).json()
    subscription = LOCATION.split("/")[2]
    assert found["id"] == (
        f"/Subscriptions/{subscription}/Providers/Microsoft.Compute/Locations/westus2/Publishers/Canonical"
        f"/ArtifactTypes/VMImage/Offers/UbuntuServer/Skus/18.04-LTS/Versions/{OLD}"
    )
    assert (await api.http.get(found["id"], params=QUERY)).json() == found


async def test_k3_an_operation_is_asked_with_p_and_has_these_members_only(api: Api) -> None:
    """docs/rules.md K3: `?p=` is taken; no `id`, no `percentComplete`; the name is the request id."""
    await api.create()
    answer = await api.http.post(f"{SCALE_SET}/osRollingUpgrade", params=QUERY)
    url = answer.headers["Azure-AsyncOperation"]
    body = (await api.http.get(f"{url}&p=6f2c1b8e")).json()
    assert body.keys() == {"name", "status", "startTime"}
    assert body["name"] == answer.headers["x-ms-request-id"]
    api.end_operations()
    assert (await api.http.get(url)).json().keys() == {"name", "status", "startTime", "endTime"}


def test_k4_moments_have_no_trailing_zeros_and_a_numeric_offset() -> None:
    """docs/rules.md K3: at most 7 fractional digits, zeros trimmed, `+00:00`."""
    for microsecond in (0, 1, 120_000, 999_999):
        text = moment(datetime(2026, 3, 1, 12, 0, 0, microsecond, UTC))
        assert re.fullmatch(r"2026-03-01T12:00:00(\.\d{0,6}[1-9])?\+00:00", text)


async def test_k6_an_absent_instance_is_not_found_in_azures_words(api: Api) -> None:
    await api.create()
    for path in ("", "/instanceView"):
        answer = await api.http.get(f"{SCALE_SET}/virtualMachines/7{path}", params=QUERY)
        assert answer.status_code == 404
        assert error_of(answer) == {
            "code": "NotFound",
            "message": "The entity was not found in this Azure location.",
            "target": "web/virtualMachines/7",
        }


async def test_k6_an_absent_set_and_group_are_not_found_in_azures_words(api: Api) -> None:
    group = SCALE_SET.partition("/providers")[0]
    expected = {"code": "ResourceGroupNotFound", "message": "Resource group 'Farm' could not be found."}
    for path in (group, SCALE_SET):
        answer = await api.http.get(path, params=QUERY)
        assert (answer.status_code, error_of(answer)) == (404, expected)
    await api.call("PUT", group, {"location": "westus2"})
    answer = await api.http.get(SCALE_SET, params=QUERY)
    assert (answer.status_code, error_of(answer)) == (
        404,
        {
            "code": "ResourceNotFound",
            "message": "The Resource 'Microsoft.Compute/virtualMachineScaleSets/web' under resource group 'Farm' was "
            "not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
        },
    )


async def test_k6_automatic_repairs_need_a_health_source(api: Api) -> None:
    changes: dict[str, Any] = {"properties__automaticRepairsPolicy__enabled": True}
    answer = await api.call("PUT", SCALE_SET, document(**changes, **{EXTENSIONS: []}))
    assert answer.status_code == 400
    assert error_of(answer) == {
        "code": "BadRequest",
        "message": "Automatic repairs not supported for this Virtual Machine Scale Set because a health probe or "
        "health extension was not provided.",
    }
    assert (await api.call("PUT", SCALE_SET, document(**changes))).status_code == 201


@pytest.mark.parametrize("name", ["rollingUpgradePolicy.maxSurge", "automaticOSUpgradePolicy.osRollingUpgradeDeferral"])
@pytest.mark.parametrize("value", [True, "true"])
async def test_no_upgrade_is_promised_to_go_another_way_than_it_will(api: Api, name: str, value: Any) -> None:
    changes = {f"properties__upgradePolicy__{name.replace('.', '__')}": value}
    answer = await api.call("PUT", SCALE_SET, document(**changes))
    assert answer.status_code == 400
    assert (error_of(answer)["code"], error_of(answer)["target"]) == ("InvalidParameter", f"upgradePolicy.{name}")
    assert api.store.scale_sets.find(SCALE_SET) is None


async def test_k1_every_version_is_taken_by_one_client(api: Api) -> None:
    """docs/rules.md K7: one az mixes eight of them."""
    await api.create()
    for version in ("2018-10-01", "2019-12-01", "2021-07-01", "2022-03-03", "2023-09-01", "2024-11-01", "2026-04-01"):
        answer = await api.http.patch(SCALE_SET, params={"api-version": version}, json={"tags": {"v": version}})
        assert answer.status_code == 200
        assert f"api-version={version}" in answer.headers["Azure-AsyncOperation"]
