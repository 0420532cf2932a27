"""Names and texts that would steer a terminal are refused wherever they are taken, and nothing is stored of them."""

from typing import Any

import pytest

from api.wire.errors import ArmError
from api.wire.texts import check_texts
from tests.api.conftest import GROUP, HEALTH_EXTENSION, LOCATION, SCALE_SET, Api, document, error_of
from tests.api.deployments.deploying import GALLERY, NETS, ONE, SETS, deploy, look_after, resource, state
from tests.api.stored.test_kinds import CASES, IDS, Place

HIDES = "\x1b[8m"
ENDLESS = [chr(code) for code in (*range(1, 32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
PROFILE = "properties__virtualMachineProfile"


@pytest.mark.parametrize("key", ["name", "id", "publisher", "offer", "sku", "version", "type", "Location"])
def test_a_name_has_no_control_characters_and_turns_nothing_round(key: str) -> None:
    for letter in ENDLESS:
        with pytest.raises(ArmError) as refused:
            check_texts({"properties": {"list": [{key: f"a{letter}b"}]}})
        assert refused.value.target == f"properties.list[0].{key}"
        assert f"U+{ord(letter):04X}" in refused.value.message
        assert letter not in refused.value.message
    check_texts({key: "Ünïcode ☂ 日本 \u05d0"})


def test_a_text_may_have_lines_and_tabs_and_no_other_control_characters() -> None:
    for letter in ENDLESS:
        if letter in "\t\n" or ord(letter) > 0x2000:
            check_texts({"description": f"a{letter}b"})
            continue
        with pytest.raises(ArmError, match=f"U\\+{ord(letter):04X}"):
            check_texts({"description": f"a{letter}b"})
    check_texts({"description": "one\r\ntwo"})


def test_keys_are_names_and_are_shown_legibly() -> None:
    with pytest.raises(ArmError) as refused:
        check_texts({"settings": {f"a{HIDES}": 1}})
    assert refused.value.target == "settings.a\\x1b[8m"


def test_secrets_are_not_looked_at_nor_told_of() -> None:
    unattend = {"additionalUnattendContent": [{"content": HIDES}]}
    check_texts(
        {"osProfile": {"adminPassword": HIDES, "windowsConfiguration": unattend}, "protectedSettings": {"a": HIDES}}
    )


def test_what_was_there_before_is_let_be() -> None:
    had = {"extensions": [{"name": f"old{HIDES}"}], "description": f"x{HIDES}"}
    check_texts({"extensions": [{"name": "new"}, {"name": f"old{HIDES}"}], "more": f"x{HIDES}"}, had)
    with pytest.raises(ArmError):
        check_texts({"extensions": [{"name": f"older{HIDES}"}]}, had)


def test_texts_are_found_however_deep() -> None:
    deep: Any = HIDES
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(ArmError):
        check_texts({"x": deep})


EVIL_SETS: dict[str, dict[str, Any]] = {
    "an extension's name": {f"{PROFILE}__extensionProfile__extensions": [HEALTH_EXTENSION | {"name": f"h{HIDES}"}]},
    "its publisher": {
        f"{PROFILE}__extensionProfile__extensions": [
            {"name": "h", "properties": HEALTH_EXTENSION["properties"] | {"publisher": f"p{HIDES}"}}
        ]
    },
    "its settings": {
        f"{PROFILE}__extensionProfile__extensions": [
            {"name": "h", "properties": {"publisher": "p", "type": "t", "settings": {"a": [f"b{HIDES}"]}}}
        ]
    },
    "an image's sku": {f"{PROFILE}__storageProfile__imageReference__sku": f"s\u202e{HIDES}"},
    "a turned offer": {f"{PROFILE}__storageProfile__imageReference__offer": "a\u2066b"},
    "a computer's name": {f"{PROFILE}__osProfile__computerNamePrefix": f"web{HIDES}"},
    "a size": {"sku__name": f"B2{HIDES}"},
    "a disk's name": {f"{PROFILE}__storageProfile__osDisk__name": f"os{HIDES}"},
    "something unknown": {"properties__whatever": {f"key{HIDES}": 1}},
}


@pytest.mark.parametrize("what", EVIL_SETS)
async def test_a_set_is_not_made_nor_changed_by_any_way(api: Api, what: str) -> None:
    evil = document(location="westus2", **EVIL_SETS[what])
    for method in ("PUT", "PATCH"):
        answer = await api.call(method, SCALE_SET, evil)
        assert (answer.status_code, "U+" in answer.text) == ((400, True) if method == "PUT" else (404, False))
    await deploy(api, resource(SETS, "web", **evil))
    assert await state(api) == "Failed"
    assert (await api.call("GET", SCALE_SET)).status_code == 404
    await api.create()
    for method in ("PUT", "PATCH"):
        answer = await api.call(method, SCALE_SET, evil)
        assert (answer.status_code, error_of(answer)["code"]) == (400, "InvalidParameter")
    assert HIDES not in str(await api.get(SCALE_SET))
    assert api.stored().generation == 1


async def test_an_extension_of_its_own_is_refused_likewise(api: Api) -> None:
    await api.create()
    body = {"properties": {"publisher": "p", "type": f"t{HIDES}", "typeHandlerVersion": "1.0"}}
    assert (await api.call("PUT", f"{SCALE_SET}/extensions/more", body)).status_code == 400
    good = {"properties": {"publisher": "p", "type": "t", "typeHandlerVersion": "1.0"}}
    assert (await api.call("PUT", f"{SCALE_SET}/extensions/more%1b", good)).status_code == 400
    assert (await api.call("PUT", f"{SCALE_SET}/extensions/more", good)).status_code == 201
    patch = {"properties": {"settings": {"a": HIDES}}}
    assert (await api.call("PATCH", f"{SCALE_SET}/extensions/more", patch)).status_code == 400


@pytest.mark.parametrize("case", CASES, ids=IDS)
async def test_each_kind_of_resource_is_refused_it_by_any_way(api: Api, case: Any) -> None:
    place = Place(api, *case)
    await place.put()
    evil = place.document | {"properties": {**place.document.get("properties", {}), "description": f"x{HIDES}"}}
    for method in ("PUT", "PATCH"):
        body = evil if method == "PUT" or not place.kind.only_tags_are_patched else {"tags": {"a": HIDES}}
        assert (await place.call(method, body)).status_code == 400
    more = {key: value for key, value in evil.items() if key != "location"}
    await deploy(api, resource(place.kind.type, "/".join(place.names), **more))
    assert await state(api) == "Failed"
    assert HIDES not in str(await api.get(place.path))


async def test_a_part_that_a_template_writes_is_refused_it(api: Api) -> None:
    await deploy(api, resource(NETS, "net"))
    subnet = resource(f"{NETS}/subnets", "net/inner", properties={"description": HIDES})
    await deploy(api, subnet)
    assert await state(api) == "Failed"
    assert (await api.get(f"{GROUP}/providers/{NETS}/net"))["properties"]["subnets"] == []


async def test_a_template_makes_no_such_name_or_text_of_its_expressions(api: Api) -> None:
    for name in ("[concat('own', uriComponentToString('%1B'))]", f"own{HIDES}"):
        await deploy(api, resource(GALLERY, name))
        assert (await api.call("GET", ONE)).status_code == 404 or await state(api) == "Failed"
    text = "[uriComponentToString('x%1B%5B8m')]"
    await deploy(api, resource(GALLERY, "own", properties={"description": text}))
    assert await state(api) == "Failed"


async def test_a_deployment_shows_no_such_parameter_and_no_such_output(api: Api) -> None:
    evil = "[uriComponentToString('x%1B%5B8m')]"
    parameters = {"who": {"type": "string", "defaultValue": evil}}
    assert (await deploy(api, parameters=parameters)).status_code == 400
    assert (await deploy(api, outputs={f"who{HIDES}": {"type": "string", "value": "x"}})).status_code == 400
    secure = {"who": {"type": "securestring", "defaultValue": evil}}
    assert (await deploy(api, parameters=secure)).status_code == 201
    await deploy(api, outputs={"who": {"type": "string", "value": evil}})
    await look_after(api)
    found = (await api.get(ONE))["properties"]
    assert (found["provisioningState"], "outputs.who.value" in str(found["error"])) == ("Failed", True)


async def test_a_platform_images_properties_are_looked_at(api: Api) -> None:
    path = f"{LOCATION}/publishers/C/artifacttypes/vmimage/offers/O/skus/s/versions/1.0.0"
    body = {"location": "westus2", "properties": {"description": HIDES}}
    assert (await api.call("PUT", path, body)).status_code == 400
    assert (await api.call("GET", path)).status_code == 404


async def test_a_script_of_the_simulated_fleet_is_looked_at(api: Api) -> None:
    body = {"scripts": [{"name": "setup", "fails": f"exit{HIDES}", "instances": ["0"]}]}
    refused = await api.call("PUT", "/instar/simulated/extensions", body)
    assert (refused.status_code, error_of(refused)["target"]) == (400, "fails")
