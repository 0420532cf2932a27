"""Hooks and judges of rollout policies: checked, sealed, never shown whole, kept when put back, tried (G1, G2, G4)."""

import asyncio
import dataclasses
import json
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Standard

from instar.domain.access import Grant, Role
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.outbound.allowed import Allowed
from instar.outbound.client import OutboundClient
from instar.outbound.questions import Questions
from instar.store.webhooks.webhooks import Place
from tests.api.conftest import SCALE_SET, Api, error_of
from tests.support.http_servers import http
from tests.support.outbound import Names
from tests.support.receivers import ALLOWED, SECRET, Got, receiver

OF_SET, OF_ALL = f"{SCALE_SET}/instar/rolloutPolicy", "/instar/rolloutPolicy"
PLACES = pytest.mark.parametrize("place", [OF_SET, OF_ALL])
OTHER = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU="
URL = "https://drain.example.com/hunter2?key=hunter3"
HOOK: dict[str, Any] = {"name": "drain", "at": "beforeSwap", "url": URL, "secret": SECRET}
SLO: dict[str, Any] = {"name": "slo", "url": "https://slo.example.com/", "secret": SECRET}
RULE = {"kind": "prometheus", "query": "up", "condition": "> 0.5"}
METRICS: dict[str, Any] = {"name": "up", "url": "https://prometheus.example.com", **RULE}


def policy(*hooks: dict[str, Any], judges: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"properties": {"hooks": list(hooks), "judges": list(judges)}}


def stored(api: Api, place: str = OF_SET) -> RolloutPolicy:
    unique_id = api.stored().identity.unique_id if place == OF_SET else ""
    found = api.store.rollout_policies.get(unique_id)
    assert found is not None
    return found.policy


def place_of(api: Api) -> Place:
    place = api.store.places.get(stored(api).hooks[0].place)
    assert place is not None
    return place


async def as_(api: Api, role: Role, scope: str) -> dict[str, str]:
    client, secret = api.store.credentials.create("someone", Grant(role, scope), api.clock())
    assert api.access.own is not None
    return {"Authorization": f"Bearer {await api.access.own.issued(client.client_id, secret)}"}


def allows_loopback(api: Api) -> None:
    services = api.app.state.services
    allowed = Allowed.of(["127.0.0.1", "receiver.test"])
    hooks = services.settings.hooks.model_copy(update={"allow": allowed})
    outbound = OutboundClient(allowed, resolver=Names({"receiver.test": ("127.0.0.1",)}))
    api.app.state.services = dataclasses.replace(
        services,
        settings=services.settings.model_copy(update={"hooks": hooks}),
        questions=Questions(api.store.places, outbound, api.clock),
    )


@PLACES
async def test_g1_g2_hooks_and_judges_are_stored_and_shown_without_their_secrets(api: Api, place: str) -> None:
    await api.create()
    made = await api.call("PUT", place, policy(HOOK, judges=(SLO, METRICS | {"secret": "hunter4"})))
    assert made.status_code == 201, made.text
    for shown in (made, await api.call("GET", place), await api.call("POST", f"{place}/check")):
        assert shown.json()["properties"]["hooks"] == [
            {"name": "drain", "at": "beforeSwap", "timeout": "PT5M", "otherwise": "stop", "url": URL}
        ]
        slo, metrics = shown.json()["properties"]["judges"]
        assert slo == {"name": "slo", "kind": "https", "timeout": "PT5M", "otherwise": "park", "url": SLO["url"]}
        assert metrics | RULE == metrics
        assert "hunter4" not in shown.text
        assert SECRET not in shown.text
    pinned = stored(api, place).document
    assert "hunter" not in json.dumps(pinned)
    assert SECRET not in json.dumps(pinned)
    places = [api.store.places.get(one["place"]) for one in pinned["hooks"] + pinned["judges"]]
    assert places == [Place(URL, SECRET), Place(SLO["url"], SECRET), Place(METRICS["url"], "hunter4")]


@PLACES
async def test_f5_put_back_as_it_is_shown_it_keeps_its_secrets_and_its_tag(api: Api, place: str) -> None:
    await api.create()
    made = await api.call("PUT", place, policy(HOOK, judges=(METRICS | {"secret": "hunter4"},)))
    before = stored(api, place)
    again = await api.call("PUT", place, made.json())
    assert (again.status_code, again.json()) == (200, made.json())
    assert stored(api, place) == before


async def test_g4_who_may_only_read_sees_where_a_url_leads_and_no_more(api: Api) -> None:
    await api.create()
    await api.call("PUT", OF_SET, policy(HOOK))
    reader = await as_(api, Role.READER, SCALE_SET)
    put_back: dict[str, Any] = {}
    for method, path in (("GET", OF_SET), ("POST", f"{OF_SET}/check")):
        seen = await api.http.request(method, path, params={"api-version": "2026-04-01"}, headers=reader)
        assert seen.json()["properties"]["hooks"][0]["url"] == "https://drain.example.com/…"
        assert "hunter" not in seen.text
        put_back = seen.json()["properties"]
    before = stored(api)
    assert (await api.call("PUT", OF_SET, {"properties": put_back})).status_code == 200
    assert stored(api) == before
    refused = await api.call("PUT", OF_ALL, {"properties": put_back})
    assert error_of(refused)["target"] == "properties.hooks[0].url"
    assert "give it whole" in error_of(refused)["message"]


async def test_f5_a_secret_is_rotated_in_its_place_so_that_upgrades_that_run_have_it(api: Api) -> None:
    await api.create()
    first = await api.call("PUT", OF_SET, policy(HOOK))
    pinned = stored(api)
    rotated = await api.call("PUT", OF_SET, policy(HOOK | {"secret": OTHER}))
    assert stored(api) == pinned, "what is pinned to an upgrade finds the new secret"
    assert place_of(api) == Place(URL, OTHER)
    assert rotated.headers["ETag"] != first.headers["ETag"], "it is a change all the same"


async def test_p1_g4_another_url_is_another_place_and_takes_its_secret_anew(api: Api) -> None:
    await api.create()
    await api.call("PUT", OF_SET, policy(HOOK))
    pinned = stored(api).hooks[0].place
    elsewhere = {name: value for name, value in HOOK.items() if name != "secret"} | {
        "url": "https://thief.example.com/"
    }
    refused = await api.call("PUT", OF_SET, policy(elsewhere))
    assert error_of(refused)["target"] == "properties.hooks[0].secret", "no secret goes to another host by itself"
    assert (await api.call("PUT", OF_SET, policy(elsewhere | {"secret": OTHER}))).status_code == 200
    assert stored(api).hooks[0].place != pinned
    assert api.store.places.get(pinned) == Place(URL, SECRET), "an upgrade that runs goes on by it"


async def test_f5_the_secret_of_one_hook_is_not_lent_to_another_one(api: Api) -> None:
    await api.create()
    await api.call("PUT", OF_SET, policy(HOOK))
    bare = {name: value for name, value in HOOK.items() if name != "secret"}
    for other in ({"name": "silence"}, {"at": "afterHealthy"}):
        refused = await api.call("PUT", OF_SET, policy(bare | other))
        assert error_of(refused)["target"] == "properties.hooks[0].secret"


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("hooks", HOOK | {"url": "http://drain.example.com/"}, ".url", "https"),
    ("hooks", HOOK | {"url": "https://127.0.0.1/"}, ".url", "INSTAR_HOOKS__ALLOW"),
    ("hooks", HOOK | {"url": "https://169.254.169.254/latest"}, ".url", "INSTAR_HOOKS__ALLOW"),
    ("hooks", HOOK | {"url": "https://user:word@drain.example.com/"}, ".url", "no user name"),
    ("hooks", HOOK | {"url": "ftp://x/"}, ".url", "no URL of a web server"),
    ("hooks", HOOK | {"url": "https://drain.example.com/…"}, ".url", "give it whole"),
    ("hooks", HOOK | {"secret": "hunter2"}, ".secret", "whsec_"),
    ("hooks", {"name": "drain", "at": "beforeSwap"}, ".url", "is missing"),
    ("hooks", HOOK | {"otherwise": "explode"}, ".otherwise", "'proceed', 'skip' or 'stop'"),
    ("hooks", HOOK | {"at": "afterHealthy", "otherwise": "skip"}, "", "cannot skip a machine that is done"),
    ("hooks", HOOK | {"urls": "x"}, ".urls", "do you mean 'url'?"),
    ("hooks", HOOK | {"timeout": "P1D"}, ".timeout", "must be from PT1S to PT6H"),
    ("judges", SLO | {"query": "up"}, "", "which only the kind prometheus has"),
    ("judges", METRICS | {"condition": "much"}, ".condition", "must be a comparison"),
    ("judges", METRICS | {"secret": "a\nb"}, ".secret", "no bearer token"),
    ("judges", SLO | {"otherwise": "skip"}, ".otherwise", "'park' or 'stop'"),
]


@PLACES
@pytest.mark.parametrize(("member", "one", "target", "why"), REFUSED, ids=range(len(REFUSED)))
async def test_g4_nonsense_is_refused_by_name_and_nothing_is_kept(  # noqa: PLR0917  # a table
    api: Api, place: str, member: str, one: dict[str, Any], target: str, why: str
) -> None:
    await api.create()
    body = {"properties": {member: [one]}}
    for answer in (await api.call("PUT", place, body), await api.call("POST", f"{place}/check", body)):
        if target == ".url" and why == "give it whole" and answer.status_code == 200:
            continue  # a check does not ask what is stored
        error = error_of(answer)
        assert (answer.status_code, error["target"]) == (400, f"properties.{member}[0]{target}")
        assert why in error["message"]
        assert "hunter" not in answer.text
    assert api.store.places.tokens() == {}


async def test_g1_names_tell_hooks_apart_and_there_are_not_too_many(api: Api) -> None:
    await api.create()
    twice = await api.call("PUT", OF_SET, policy(HOOK, HOOK))
    assert "two hooks 'drain' that are called beforeSwap" in error_of(twice)["message"]
    both = policy(HOOK, HOOK | {"at": "afterHealthy"})
    assert (await api.call("PUT", OF_SET, both)).status_code == 201, "a pair may share its name"
    many = policy(*(HOOK | {"name": f"d{number}"} for number in range(11)))
    assert "at most 10 items" in error_of(await api.call("PUT", OF_SET, many))["message"]
    judges = await api.call("PUT", OF_SET, policy(judges=(SLO, SLO)))
    assert "two judges 'slo'" in error_of(judges)["message"]


async def test_g4_a_check_calls_nobody(api: Api) -> None:
    await api.create()
    allows_loopback(api)
    async with receiver() as there:
        body = policy(HOOK | {"url": there.url}, judges=(SLO | {"url": there.url},))
        checked = await api.call("POST", f"{OF_SET}/check", body)
        assert checked.status_code == 200
        assert "secret" not in json.dumps(checked.json())
        bare = policy({name: value for name, value in HOOK.items() if name != "secret"})
        for place in (OF_SET, OF_ALL):
            remarks = (await api.call("POST", f"{place}/check", bare)).json()["remarks"]
            assert remarks == ["'drain' is given without a secret: it must be stored here already, with the same URL"]
        assert there.got == []


async def test_g1_g2_a_test_calls_each_once_and_shows_what_it_answers(api: Api) -> None:
    def answers(got: Got) -> int | bytes | tuple[int, str]:
        if got.path.endswith("/query"):
            return http(200, b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}')
        if "judge" in got.event:
            return ALLOWED
        hooks: dict[str, int | tuple[int, str]] = {"drain": 204, "busy": 409, "later": (202, "Retry-After: 20\r\n")}
        return hooks[got.event["hook"]]

    await api.create()
    allows_loopback(api)
    async with receiver(answers) as there:
        hooks = [HOOK | {"url": there.url, "name": name} for name in ("drain", "busy", "later")]
        judges = (SLO | {"url": there.url}, METRICS | {"url": f"http://127.0.0.1:{there.port}"})
        assert (await api.call("PUT", OF_SET, policy(*hooks, judges=judges))).status_code == 201
        told = (await api.call("POST", f"{OF_SET}/test")).json()
        assert [(one["name"], one["outcome"]) for one in told["hooks"]] == [
            ("drain", "goesOn"),
            ("busy", "stops"),
            ("later", "asksAgain"),
        ]
        assert [(one["name"], one["outcome"]) for one in told["judges"]] == [("slo", "yes"), ("up", "yes")]
        assert "answered 409" in told["hooks"][1]["reason"]
        signed = [got for got in there.got if not got.path.endswith("/query")]
        assert len(there.got) == 5
        for got in signed:
            assert got.event["test"] is True
            assert "instance" not in got.event
            assert "upgrade" not in got.event
            moment = api.clock()
            key = Standard(SECRET).sign(got.headers["webhook-id"], moment, got.body.decode())
            assert got.headers["webhook-signature"] == key
        there.got.clear()
        nothing = (await api.call("POST", f"{OF_ALL}/test")).json()
        assert nothing == {"hooks": [], "judges": []}
        assert there.got == []


@pytest.mark.parametrize("host", ["127.0.0.1", "receiver.test"])
async def test_g4_a_test_goes_nowhere_that_is_not_allowed_any_more(api: Api, host: str) -> None:
    await api.create()
    allows_loopback(api)
    async with receiver() as there:
        url = f"http://{host}:{there.port}/"
        await api.call("PUT", OF_SET, policy(HOOK | {"url": url}, judges=(SLO | {"url": url},)))
        services = api.app.state.services
        strict = OutboundClient(Allowed(), resolver=Names({"receiver.test": ("127.0.0.1",)}))
        questions = Questions(api.store.places, strict, api.clock)
        api.app.state.services = dataclasses.replace(services, questions=questions)
        told = (await api.call("POST", f"{OF_SET}/test")).json()
        assert "may not be called" in told["hooks"][0]["reason"]
        assert told["judges"][0]["outcome"] == "unknown"
        assert there.got == []


async def test_g4_who_may_only_read_makes_nobody_call(api: Api) -> None:
    await api.create()
    reader = await as_(api, Role.READER, SCALE_SET)
    query = {"api-version": "2026-04-01"}
    assert (await api.http.post(f"{OF_SET}/test", params=query, headers=reader)).status_code == 403


async def test_g4_places_that_no_policy_names_are_forgotten_in_the_end(api: Api) -> None:
    await api.create()
    await api.call("PUT", OF_SET, policy(HOOK))
    pinned = stored(api).hooks[0].place
    await api.call("DELETE", OF_SET)
    now = api.clock()
    api.store.places.forget(now)
    assert api.store.places.get(pinned) == Place(URL, SECRET)


async def test_f5_policies_that_are_stored_at_the_same_time_lose_no_secret(api: Api) -> None:
    await api.create()
    await api.call("PUT", OF_SET, policy(HOOK))
    bare = {name: value for name, value in HOOK.items() if name != "secret"}
    answers = await asyncio.gather(
        *(api.call("PUT", OF_SET, policy(bare | {"timeout": f"PT{number}M"})) for number in range(1, 5))
    )
    assert [answer.status_code for answer in answers] == [200] * 4
    assert place_of(api) == Place(URL, SECRET)
