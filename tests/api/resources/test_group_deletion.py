"""A group goes as a whole or not at all: what keeps one resource of it keeps it."""

from datetime import timedelta

import pytest

from instar.domain.messages.scale_set import DeleteScaleSet
from tests.api.conftest import GROUP, SCALE_SET, SUBSCRIPTION, Api, document, error_of
from tests.api.galleries import gallery
from tests.api.networks.test_load_balancers import BALANCER, FRONT, probed

ELSEWHERE = SCALE_SET.replace("/Farm/", "/Other/")
IMAGE = {"properties__virtualMachineProfile__storageProfile__imageReference": {"id": gallery.IMAGE}}


async def refused(api: Api) -> str:
    answer = await api.call("DELETE", GROUP)
    assert (answer.status_code, error_of(answer)["code"]) == (409, "ResourceGroupDeletionBlocked")
    assert [message for _, message in api.gateway.sent if isinstance(message, DeleteScaleSet)] == []
    assert (await api.call("GET", GROUP)).status_code == 200
    told: str = error_of(answer)["message"]
    return told


async def published(api: Api) -> None:
    await gallery.make_image(api)
    await gallery.publish(api, "1.0.0")
    api.clock.advance(api.app.state.services.settings.delays.replication)


async def test_a_group_whose_probe_a_set_elsewhere_names_stays_with_all_that_is_in_it(api: Api) -> None:
    await api.create()
    assert (await api.call("PUT", FRONT, BALANCER)).status_code == 201
    assert (await api.call("PUT", ELSEWHERE, probed())).status_code == 201
    told = await refused(api)
    assert f"{FRONT}/probes/web" in told
    assert ELSEWHERE in told
    assert (await api.call("GET", FRONT)).status_code == 200
    assert not api.stored().deleting


@pytest.mark.parametrize("set_id", [ELSEWHERE, ELSEWHERE.replace(SUBSCRIPTION, "other")])
async def test_a_group_whose_gallery_image_a_set_elsewhere_follows_stays(api: Api, set_id: str) -> None:
    await published(api)
    assert (await api.call("PUT", set_id, document(**IMAGE))).status_code == 201
    assert gallery.IMAGE in await refused(api)
    assert (await api.call("GET", f"{gallery.IMAGE}/versions/1.0.0")).status_code == 200


async def test_a_set_of_the_group_itself_and_one_that_uses_nothing_of_it_keep_nothing(api: Api) -> None:
    await published(api)
    assert (await api.call("PUT", FRONT, BALANCER)).status_code == 201
    assert (await api.call("PUT", SCALE_SET, probed())).status_code == 201
    assert (await api.call("PUT", SCALE_SET + "2", document(**IMAGE))).status_code == 201
    assert (await api.call("PUT", ELSEWHERE, document())).status_code == 201
    other = FRONT.replace("/Farm/", "/Farm2/")
    assert (await api.call("PUT", other, BALANCER)).status_code == 201
    assert (await api.call("PUT", ELSEWHERE + "2", probed(f"{other}/probes/web"))).status_code == 201
    assert (await api.call("PUT", GROUP + "2", {"location": "westus2"})).status_code == 201
    assert (await api.call("DELETE", GROUP.lower())).status_code == 202


async def test_a_version_that_is_kept_until_its_end_of_life_keeps_its_group(api: Api) -> None:
    await gallery.make_image(api)
    body = gallery.version_body(endOfLifeDate="2026-03-02T00:00:00")
    body["properties"]["safetyProfile"] = {"blockDeletionBeforeEndOfLife": True}
    assert (await api.call("PUT", f"{gallery.IMAGE}/versions/1.0.0", body)).status_code == 201
    assert "before its end of life" in await refused(api)
    api.clock.advance(timedelta(days=1))
    assert (await api.call("DELETE", GROUP)).status_code == 202


async def test_all_that_keeps_a_group_is_told(api: Api) -> None:
    await published(api)
    assert (await api.call("PUT", FRONT, BALANCER)).status_code == 201
    assert (await api.call("PUT", ELSEWHERE, probed())).status_code == 201
    assert (await api.call("PUT", ELSEWHERE + "2", document(**IMAGE))).status_code == 201
    details = error_of(await api.call("DELETE", GROUP))["details"]
    assert {(one["code"], one["target"]) for one in details} == {
        ("ResourceInUse", f"{FRONT}/probes/web"),
        ("ResourceInUse", gallery.IMAGE),
    }
