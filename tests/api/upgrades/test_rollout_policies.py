"""Storing, showing, checking and removing rollout policies: of a set, and the default one (W1 to W3)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from api.upgrades.policy_bodies import EXAMPLE
from instar.compute.simulated.file.scripts import InstanceScript
from instar.domain.access import Grant, Role
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.wishes import REASON_AT_MOST
from instar.store.steering.rollout_policies import DEFAULT
from tests.api.conftest import SCALE_SET, Api, error_of
from tests.api.upgrades.test_calendars import event, ics

OF_SET, OF_ALL = f"{SCALE_SET}/instar/rolloutPolicy", "/instar/rolloutPolicy"


def without_secret(properties: dict[str, Any]) -> dict[str, Any]:
    hooks = [{name: value for name, value in one.items() if name != "secret"} for one in properties["hooks"]]
    return properties | {"hooks": hooks}


PLACES = pytest.mark.parametrize("place", [OF_SET, OF_ALL])


@PLACES
async def test_w1_a_policy_is_stored_shown_put_back_and_removed(api: Api, place: str) -> None:
    await api.create()
    assert error_of(await api.call("GET", place))["code"] == "NotFound"
    made = await api.call("PUT", place, EXAMPLE)
    assert made.status_code == 201, made.text
    shown = await api.call("GET", place)
    assert shown.json() == made.json()
    assert shown.headers["ETag"] == made.headers["ETag"] == shown.json()["etag"]
    assert shown.json()["id"].lower() == place.lower()
    assert shown.json()["properties"] == without_secret(EXAMPLE["properties"])
    assert shown.json()["reason"] == EXAMPLE["reason"]
    assert shown.json()["systemData"]["lastModifiedBy"] == "owner"
    again = await api.call("PUT", place, shown.json())
    assert (again.status_code, again.json()) == (200, shown.json()), "put back it is the same, entity tag and all"
    changed = await api.call("PUT", place, {"properties": {"bake": "PT1M"}})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != shown.headers["ETag"]
    assert changed.json()["properties"] == {"bake": "PT1M"}, "as a whole"
    assert (await api.call("DELETE", place)).status_code == 200
    assert (await api.call("DELETE", place)).status_code == 204
    assert (await api.call("GET", place)).status_code == 404


@PLACES
async def test_w1_only_what_was_seen_is_changed_and_an_old_tag_never_fits_again(api: Api, place: str) -> None:
    await api.create()
    headers = {"If-None-Match": "*"}
    query = {"api-version": "2026-04-01"}
    made = await api.http.put(place, params=query, json=EXAMPLE, headers=headers)
    assert made.status_code == 201
    assert (await api.http.put(place, params=query, json=EXAMPLE, headers=headers)).status_code == 412
    old = {"If-Match": made.headers["ETag"]}
    other = {"properties": {"waves": [3]}}
    assert (await api.http.put(place, params=query, json=other, headers=old)).status_code == 200
    refused = await api.http.put(place, params=query, json=EXAMPLE, headers=old)
    assert refused.status_code == 412
    assert "the rollout policy's etag is" in error_of(refused)["message"]
    assert (await api.http.delete(place, params=query, headers=old)).status_code == 412
    assert (await api.call("DELETE", place)).status_code == 200
    await api.call("PUT", place, EXAMPLE)
    assert (await api.http.delete(place, params=query, headers=old)).status_code == 412
    assert (await api.call("GET", place)).status_code == 200


@PLACES
@pytest.mark.parametrize(
    ("body", "target", "why"),
    [
        ({}, "properties", "must be an object"),
        ({"waves": [1]}, "waves", "a rollout policy stands in 'properties'"),
        ({"properties": None}, "properties", "must be an object"),
        ({"properties": []}, "properties", "must be an object"),
        ({"properties": {"waves": [0]}}, "properties.waves[0]", "must be a number of instances"),
        ({"properties": {"hooks": [1]}}, "properties.hooks[0]", "must be an object"),
        ({"properties": {"notOn": ""}}, "properties.notOn", "is no iCalendar text"),
        ({"properties": {"notOn": ["x"]}}, "properties.notOn", "is no day"),
        ({"properties": {"approval": "afterCanary"}}, "properties", "has no canary"),
        ({"properties": {}, "reason": 5}, "reason", "must say why, in 0 to 500 characters"),
        ({"properties": {}, "reason": "x" * (REASON_AT_MOST + 1)}, "reason", "must say why, in 0 to 500 characters"),
    ],
)
async def test_w1_nonsense_is_refused_by_name_and_nothing_is_stored(
    api: Api, place: str, body: Any, target: str, why: str
) -> None:
    await api.create()
    answer = await api.call("PUT", place, body)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["target"]) == (400, "InvalidParameter", target)
    assert why in error["message"]
    assert (await api.call("GET", place)).status_code == 404
    if body and body.get("properties") is not None and "reason" not in body:
        assert error_of(await api.call("POST", f"{place}/check", body)) == error


async def test_w1_of_a_set_that_is_not_there_nothing_is_stored(api: Api) -> None:
    await api.create(f"{SCALE_SET}2")
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/check")):
        answer = await api.call(method, OF_SET + path, EXAMPLE if method in {"PUT", "POST"} else None)
        assert (answer.status_code, error_of(answer)["code"]) == (404, "ResourceNotFound")


async def test_w1_a_policy_goes_with_its_set_and_the_default_one_stays(api: Api) -> None:
    await api.create()
    await api.call("PUT", OF_SET, EXAMPLE)
    await api.call("PUT", OF_ALL, EXAMPLE)
    unique_id = api.stored().identity.unique_id
    await asyncio.to_thread(api.store.scale_sets.delete, unique_id)
    assert api.store.rollout_policies.get(unique_id) is None
    assert api.store.rollout_policies.get(DEFAULT) is not None


async def test_w1_who_and_why_are_in_the_audit_log(api: Api) -> None:
    await api.create()
    await api.call("PUT", OF_SET, EXAMPLE | {"reason": "frozen\x1b[8m until May"})
    await api.call("DELETE", OF_SET, reason="thawed")
    await api.call("PUT", OF_ALL, {"properties": {"waves": [0]}, "reason": "refused all the same"})
    refused, removed, stored, *_ = api.store.audit.newest(10)
    assert (stored.name, stored.resource, stored.status) == ("owner", OF_SET, 201)
    assert stored.reason == "frozen\\x1b[8m until May"
    assert stored.action == "Microsoft.Compute/virtualMachineScaleSets/instar/write"
    assert (removed.reason, removed.status) == ("thawed", 200)
    assert (refused.action, refused.status) == ("Instar/rolloutPolicy/write", 400)


async def test_w1_the_default_one_is_for_those_who_may_write_everywhere(api: Api) -> None:
    await api.create()

    async def asked(role: Role, scope: str, method: str, path: str) -> int:
        client, secret = api.store.credentials.create("somebody", Grant(role, scope), api.clock())
        assert api.access.own is not None
        token = await api.access.own.issued(client.client_id, secret)
        headers, query = {"Authorization": f"Bearer {token}"}, {"api-version": "2026-04-01"}
        body = EXAMPLE if method in {"PUT", "POST"} else None
        answer = await api.http.request(method, path, json=body, headers=headers, params=query, auth=None)
        return answer.status_code

    assert await asked(Role.OWNER, SCALE_SET, "PUT", OF_ALL) == 403
    assert await asked(Role.READER, "/", "PUT", OF_ALL) == 403
    assert await asked(Role.READER, "/", "DELETE", OF_ALL) == 403
    assert await asked(Role.CONTRIBUTOR, "/", "PUT", OF_ALL) == 201
    assert await asked(Role.READER, "/", "GET", OF_ALL) == 200
    assert await asked(Role.READER, SCALE_SET, "PUT", OF_SET) == 403
    assert await asked(Role.READER, SCALE_SET, "POST", f"{OF_SET}/check") == 200, "whoever may read may ask"
    assert await asked(Role.READER, "/subscriptions/other", "POST", f"{OF_SET}/check") == 403
    assert await asked(Role.CONTRIBUTOR, SCALE_SET, "PUT", OF_SET) == 201


async def test_w1_w3_a_check_tells_openings_and_batches_and_stores_nothing(api: Api) -> None:
    await api.create()
    await api.add_machines(20)
    api.clock.advance(timedelta(minutes=5))
    window = {"days": ["Sat"], "from": "01:00", "to": "05:00", "timeZone": "Europe/Berlin"}
    canary = {"instances": ["7", "99"], "bake": "PT1H"}
    policy = {"waves": [1, "10%"], "canary": canary, "windows": [window], "finalBake": "PT2H"}
    answer = await api.call("POST", f"{OF_SET}/check", {"properties": policy})
    told = answer.json()
    assert told["properties"] == policy
    assert told["windows"]["open"] is False
    assert told["openings"][0] == {"from": "2026-03-07T00:00:00+00:00", "to": "2026-03-07T04:00:00+00:00"}
    assert told["openings"][4]["from"] == "2026-04-03T23:00:00+00:00", "after the clocks were put forward"
    assert len(told["openings"]) == 5
    assert told["remarks"] == ["the set has no instance 99: its canary is without"]
    assert [one["instances"] for one in told["batches"]][:3] == ["7", "0", "1-2"]
    assert sum(one["size"] for one in told["batches"]) == 20
    assert [told["batches"][n]["bakeSeconds"] for n in (0, 1, -1)] == [3600, 0, 7200]
    assert told["batches"][-1]["instancesAfter"] == 0
    assert api.store.rollout_policies.in_force(api.stored().identity.unique_id) is None


async def test_w1_a_check_of_nothing_is_of_the_policy_in_force(api: Api) -> None:
    await api.create()
    await api.add_machines(5)
    assert (await api.call("POST", f"{OF_SET}/check")).json()["windows"] == {
        "open": True,
        "told": "its windows do not close",
    }
    await api.call("PUT", OF_ALL, {"properties": {"waves": [1]}})
    assert (await api.call("POST", f"{OF_SET}/check")).json()["properties"] == {"waves": [1]}
    assert (await api.call("POST", f"{OF_ALL}/check")).json()["properties"] == {"waves": [1]}
    await api.call("PUT", OF_SET, {"properties": {}})
    assert (await api.call("POST", f"{OF_SET}/check")).json()["properties"] == {}, "an own one that wishes nothing"


async def test_w1_p2_a_check_says_that_no_upgrade_would_begin(api: Api) -> None:
    await api.create()
    await api.add_machines(5)
    for number in range(5):
        api.fleet.script_instance(api.stored().identity, str(number), InstanceScript(sick_from=api.clock()))
    api.clock.advance(timedelta(hours=1))  # machines that boot are waited for (P2a)
    told = (await api.call("POST", f"{OF_SET}/check")).json()
    [remark] = told["remarks"]
    assert remark.startswith("nothing would begin now: ")
    assert "5 of 5" in remark
    assert [one["size"] for one in told["batches"]] == [1] * 5, "what they would be is told all the same"


async def test_w1_of_a_large_set_the_first_batches_are_told(api: Api) -> None:
    await api.create()
    await api.add_machines(30)
    told = (await api.call("POST", f"{OF_SET}/check", {"properties": {"waves": [1]}})).json()
    assert len(told["batches"]) == 20
    assert told["batches"][-1]["instancesAfter"] == 10


async def test_w3_a_calendar_is_read_when_it_is_stored_and_its_days_are_kept(api: Api) -> None:
    await api.create()
    text = ics(event("DTSTART;VALUE=DATE:20201224", "DTEND;VALUE=DATE:20201227", "RRULE:FREQ=YEARLY"))
    stored = await api.call("PUT", OF_SET, {"properties": {"notOn": text}})
    assert stored.json()["properties"] == {
        "notOn": ["2026-12-24/2026-12-26", "2027-12-24/2027-12-26"],
        "notOnReadUntil": "2028-03-01",
    }
    assert (await api.call("PUT", OF_SET, stored.json())).json() == stored.json()
    api.clock.advance(timedelta(days=680))
    [remark] = (await api.call("POST", f"{OF_SET}/check")).json()["remarks"]
    assert remark == "its calendar was read up to 2028-03-01: no later day is off until it is stored anew"


async def test_p1_the_own_policy_is_in_force_else_the_default_one(api: Api) -> None:
    await api.create()
    unique_id = api.stored().identity.unique_id
    await api.call("PUT", OF_ALL, {"properties": {"waves": [2]}})
    in_force = api.store.rollout_policies.in_force(unique_id)
    assert in_force is not None
    assert in_force.policy == RolloutPolicy(waves=(2,))
    await api.call("PUT", OF_SET, {"properties": {"waves": [3]}})
    in_force = api.store.rollout_policies.in_force(unique_id)
    assert in_force is not None
    assert in_force.policy == RolloutPolicy(waves=(3,))
