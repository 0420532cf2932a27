"""Answers and requests by their own api-version (docs/rules.md K5, K1, K6)."""

import re
from typing import Any

import pytest

from api.wire import api_versions
from api.wire.api_versions import CLOSED, INSTANCE, SCALE_SET, Member, refuse_unknown, shaped
from api.wire.errors import ArmError
from api.wire.merge import canonical
from instar.domain.images.images import ImageReference
from tests.api.conftest import LOCATION, OLD, Api, document, error_of
from tests.api.conftest import SCALE_SET as PATH
from tests.api.upgrades.test_rolling_upgrades import HISTORY, LATEST, record

FIRST, NEWEST = "2018-10-01", "2026-04-01"
ROLLING = "properties__upgradePolicy__rollingUpgradePolicy"
AUTOMATIC = "properties__upgradePolicy__automaticOSUpgradePolicy"
FOUR = ("maxBatchInstancePercent", "maxUnhealthyInstancePercent", "maxUnhealthyUpgradedInstancePercent")
TABLES = ("SCALE_SET", "INSTANCE", "INSTANCE_VIEW", "SET_VIEW", "ROLLING_UPGRADE", "PAST_UPGRADE", "IMAGE_VERSION")


def members() -> list[Member]:
    return [one for name in TABLES for one in getattr(api_versions, name)]


def nested(path: str, value: Any) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


def value_at(body: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(body, dict) or key not in body:
            return None
        body = body[key]
    return body


async def put(api: Api, version: str, body: Any) -> Any:
    return await api.http.put(PATH, params={"api-version": version}, json=body)


async def seen(api: Api, version: str, path: str = PATH, **query: str) -> Any:
    answer = await api.http.get(path, params={"api-version": version, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_table_names_each_member_once_with_a_version_and_a_source() -> None:
    for name in TABLES:
        paths = [one.path for one in getattr(api_versions, name)]
        assert len(set(paths)) == len(paths)
    for one in members():
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", one.since)
        assert one.since > FIRST, f"{one.path}: every version that is taken knows it"
        assert one.source


def test_members_of_the_table_are_known_in_any_case() -> None:
    """Else a member in another case would be neither left out nor refused."""
    for one in SCALE_SET:
        assert canonical(nested(one.path.upper(), 1)) == nested(one.path, 1)
    for path, known in CLOSED.items():
        for name in known:
            assert canonical(nested(f"{path}.{name}".upper(), 1)) == nested(f"{path}.{name}", 1)


@pytest.mark.parametrize("member", SCALE_SET, ids=lambda one: one.path)
def test_k1_a_member_newer_than_the_version_is_refused_and_left_out(member: Member) -> None:
    """docs/rules.md K1: every response is shaped by the request's api-version."""
    body = nested(member.path, {"x": 1})
    with pytest.raises(ArmError) as caught:
        refuse_unknown(body, FIRST)
    assert (caught.value.status, caught.value.code) == (400, "BadRequest")
    # Of a member whose object is newer itself, the object is named.
    named = caught.value.target
    assert f"{member.path}.".startswith(f"{named}.")
    assert caught.value.message.startswith(f"Could not find member '{named.rpartition('.')[2]}' on object of type '")
    refuse_unknown(body, member.since)
    assert value_at(shaped(body, SCALE_SET, FIRST), member.path) is None
    assert shaped(body, SCALE_SET, member.since) == body
    assert shaped(body, SCALE_SET, f"{member.since}-preview") == body


def test_k6_azures_own_sentences() -> None:
    """As its documents quote them."""
    for path, kind in (
        ("properties.scaleInPolicy", "properties"),
        ("properties.virtualMachineProfile.scheduledEventsProfile", "VirtualMachineProfile"),
    ):
        with pytest.raises(ArmError) as caught:
            refuse_unknown(nested(path, {}), FIRST)
        assert caught.value.message == f"Could not find member '{path.rpartition('.')[2]}' on object of type '{kind}'"


@pytest.mark.parametrize(
    ("changes", "version", "message"),
    [
        (
            {f"{ROLLING}__maxSurge": False},
            "2022-08-01",
            "Could not find member 'maxSurge' on object of type 'RollingUpgradePolicy'",
        ),
        (
            {f"{ROLLING}__maxSuge": False},
            NEWEST,
            "Could not find member 'maxSuge' on object of type 'RollingUpgradePolicy'",
        ),
        (
            {f"{AUTOMATIC}__useRollingUpgradePolicy": True},
            "2021-11-01",
            "Could not find member 'useRollingUpgradePolicy' on object of type 'AutomaticOSUpgradePolicy'",
        ),
        (
            {"properties__upgradePolicy__automaticOSUpgrade": True},
            NEWEST,
            "Could not find member 'automaticOSUpgrade' on object of type 'UpgradePolicy'",
        ),
        (
            {"properties__automaticRepairsPolicy__action": "Reimage"},
            NEWEST,
            "Could not find member 'action' on object of type 'AutomaticRepairsPolicy'",
        ),
        (
            {"properties__orchestrationMode": "Uniform"},
            "2020-06-01",
            "Could not find member 'orchestrationMode' on object of type 'properties'",
        ),
    ],
)
async def test_k1_an_unknown_member_is_400_and_nothing_is_made(
    api: Api, changes: dict[str, Any], version: str, message: str
) -> None:
    body = document(**changes)
    del body["properties"]["virtualMachineProfile"]["userData"]
    answer = await put(api, version, body)
    assert answer.status_code == 400
    error = error_of(answer)
    assert (error["code"], error["message"]) == ("BadRequest", message)
    assert api.store.scale_sets.find(PATH) is None
    await api.create()
    before = api.stored()
    answer = await api.http.patch(PATH, params={"api-version": version}, json={"properties": body["properties"]})
    assert (answer.status_code, error_of(answer)["message"]) == (400, message)
    assert api.stored() == before


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        (FIRST, {*FOUR, "pauseTimeBetweenBatches"}),
        ("2019-07-01", {*FOUR, "pauseTimeBetweenBatches"}),
        ("2022-08-01", {*FOUR, "pauseTimeBetweenBatches", "prioritizeUnhealthyInstances"}),
        (
            "2022-11-01",
            {
                *FOUR,
                "pauseTimeBetweenBatches",
                "prioritizeUnhealthyInstances",
                "maxSurge",
                "rollbackFailedInstancesOnPolicyBreach",
            },
        ),
    ],
)
async def test_k5_every_answer_has_the_members_of_its_version(api: Api, version: str, shown: set[str]) -> None:
    """docs/rules.md K5: the set by PUT, PATCH, GET and lists, the policy of an upgrade, instances, history, images."""
    changes: dict[str, Any] = {
        f"{ROLLING}__prioritizeUnhealthyInstances": True,
        f"{AUTOMATIC}__enableAutomaticOSUpgrade": True,
    }
    await api.create(**changes)
    await api.add_machines(1)
    policy = api.stored().document["properties"]["upgradePolicy"]["rollingUpgradePolicy"]
    written = record(api, 1, api.clock())
    own = written.policy.model_copy(update={"prioritize_unhealthy_instances": policy["prioritizeUnhealthyInstances"]})
    api.store.upgrades.write(written.model_copy(update={"policy": own, "target": gallery_target()}))
    group, subscription = PATH.rpartition("/")[0], PATH.partition("/resourceGroups")[0]
    kind = "providers/Microsoft.Compute/virtualMachineScaleSets"
    query = {"api-version": version}
    bodies = [
        (await api.http.put(PATH, params=query, json={"tags": {"a": "1"}})).json(),
        (await api.http.patch(PATH, params=query, json={"tags": {"a": "2"}})).json(),
        await seen(api, version),
        (await seen(api, version, group))["value"][0],
        (await seen(api, version, f"{subscription}/{kind}"))["value"][0],
        (await seen(api, version, f"{LOCATION}/virtualMachineScaleSets"))["value"][0],
    ]
    for body in bodies:
        assert set(body["properties"]["upgradePolicy"]["rollingUpgradePolicy"]) == shown
        automatic = body["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]
        assert ("useRollingUpgradePolicy" in automatic) is (version >= "2022-03-01")
        assert ("timeCreated" in body["properties"]) is (version >= "2021-11-01")
        assert "etag" not in body
    assert set((await seen(api, version, LATEST))["properties"]["policy"]) == shown
    [item] = (await seen(api, version, HISTORY))["value"]
    assert ("exactVersion" in item["properties"]["targetImageReference"]) is (version >= "2019-07-01")
    instances = (await seen(api, version, f"{PATH}/virtualMachines"))["value"]
    for one in (*instances, await seen(api, version, f"{PATH}/virtualMachines/0")):
        assert ("modelDefinitionApplied" in one["properties"]) is (version >= "2019-03-01")
        assert ("exactVersion" in one["properties"]["storageProfile"]["imageReference"]) is (version >= "2019-07-01")
    view = await seen(api, version, f"{PATH}/instanceView")
    assert ("orchestrationServices" in view) is (version >= "2019-12-01")


async def test_k5_images_have_the_members_of_the_version(api: Api) -> None:
    api.store.images.publish("Canonical", "UbuntuServer", "18.04-LTS", OLD, "westus2", {}, api.clock())
    versions = f"{LOCATION}/publishers/Canonical/artifacttypes/vmimage/offers/UbuntuServer/skus/18.04-LTS/versions"
    for version, known in ((FIRST, False), (NEWEST, True)):
        one = await seen(api, version, f"{versions}/{OLD}")
        [listed] = await seen(api, version, versions, **{"$expand": "properties"})
        for name in ("hyperVGeneration", "architecture", "imageDeprecationStatus"):
            assert (name in one["properties"]) is (name in listed["properties"]) is known
        assert one["properties"]["automaticOSUpgradeProperties"] == {"automaticOSUpgradeSupported": True}


async def test_k1_the_etag_header_came_in_september_2023(api: Api) -> None:
    await api.create()
    for version, sent in (("2023-07-01", False), ("2023-09-01", True)):
        for answer in (
            await api.http.get(PATH, params={"api-version": version}),
            await put(api, version, {}),
        ):
            assert ("ETag" in answer.headers) is sent
            assert ("etag" in answer.json()) is sent


@pytest.mark.parametrize("path", [f"{ROLLING}__maxSurge", f"{AUTOMATIC}__osRollingUpgradeDeferral"])
async def test_b8_truths_of_the_policies_are_truths(api: Api, path: str) -> None:
    answer = await api.call("PUT", PATH, document(**{path: "perhaps"}))
    assert answer.status_code == 400
    assert error_of(answer)["target"] == path.replace("__", ".")
    changes: dict[str, Any] = {path: "False"}
    await api.create(**changes)
    assert value_at(await api.get(PATH), path.replace("__", ".")) is False


@pytest.mark.parametrize("version", [FIRST, NEWEST])
async def test_k5_echo_a_plain_set_has_no_rolling_policy_and_a_mode_change_keeps_it(api: Api, version: str) -> None:
    """docs/rules.md K5, echo rules: absent with plain Manual; there with Rolling; stays after the way back."""
    await api.create(properties__upgradePolicy={"mode": "Manual"})
    assert "rollingUpgradePolicy" not in (await seen(api, version))["properties"]["upgradePolicy"]
    for mode in ("Rolling", "Manual"):
        await put(api, version, {"properties": {"upgradePolicy": {"mode": mode}}})
        policy = (await seen(api, version))["properties"]["upgradePolicy"]
        assert policy["mode"] == mode
        assert policy["rollingUpgradePolicy"]["pauseTimeBetweenBatches"] == "PT0S"
        assert "enableCrossZoneUpgrade" not in policy["rollingUpgradePolicy"]
        assert "osRollingUpgradeDeferral" not in policy["automaticOSUpgradePolicy"]


def test_instances_of_the_newest_version_are_not_copied() -> None:
    """A list has thousands of them."""
    body = {"etag": "1"}
    assert shaped(body, INSTANCE, NEWEST) is body


def gallery_target() -> ImageReference:
    return ImageReference(
        id=f"{PATH.partition('/providers/')[0]}/providers/Microsoft.Compute/galleries/g/images/i", version="1.0.0"
    )
