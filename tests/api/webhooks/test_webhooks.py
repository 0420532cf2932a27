"""Webhooks through the API: asked for, shown without their secret, tested, sent again."""

import dataclasses
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.upgrades.sweep import sweep
from instar.domain.access import Grant, Role
from instar.outbound.allowed import Allowed
from instar.store.webhooks.webhooks import StoredWebhook
from tests.api.conftest import GROUP, SCALE_SET, SUBSCRIPTION, Api, error_of
from tests.support.receivers import SECRET

CHAT = "/instar/webhooks/chat"
URL = "https://hooks.example.com/T0/hunter2?key=hunter3"
GOOD: dict[str, Any] = {"url": URL, "scope": GROUP, "events": ["started", "faulted"], "secret": SECRET}


async def put(api: Api, path: str = CHAT, **changes: Any) -> httpx.Response:
    body = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return await api.http.put(path, json=body)


def stored(api: Api) -> StoredWebhook:
    found = api.store.webhooks.find("chat")
    assert found is not None
    return found


async def as_(api: Api, role: Role, scope: str) -> dict[str, str]:
    client, secret = api.store.credentials.create("someone", Grant(role, scope), api.clock())
    assert api.access.own is not None
    return {"Authorization": f"Bearer {await api.access.own.issued(client.client_id, secret)}"}


async def test_n1_a_webhook_is_put_read_listed_and_deleted(api: Api) -> None:
    made = await put(api)
    assert made.status_code == 201, made.text
    assert made.json() | {"etag": ""} == {
        "id": CHAT,
        "name": "chat",
        "type": "Instar/webhooks",
        "etag": "",
        "properties": {
            "url": URL,
            "scope": GROUP,
            "events": ["started", "faulted"],
            "enabled": True,
            "createdAt": "2026-03-01T12:00:00.1234+00:00",
        },
    }
    got = await api.http.get(CHAT)
    assert got.json()["properties"] == made.json()["properties"] | {"undelivered": 0}
    assert got.headers["ETag"] == got.json()["etag"] == made.headers["ETag"]
    assert [one["name"] for one in (await api.http.get("/instar/webhooks")).json()["value"]] == ["chat"]
    assert (await api.http.delete(CHAT)).status_code == 200
    assert (await api.http.delete(CHAT)).status_code == 204
    assert (await api.http.get(CHAT)).status_code == 404


async def test_f5_n1_the_secret_is_sealed_and_never_shown(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    answers = [await put(api), await api.http.get(CHAT), await api.http.get("/instar/webhooks")]
    answers.append(await put(api, url="http://127.0.0.1/hunter2"))
    answers.append(await put(api, secret="whsec_hunter2"))
    text = "".join(one.text for one in answers)
    assert SECRET not in text
    assert "whsec_hunter2" not in text
    [row] = api.store.webhooks.tokens().values()
    assert "hunter" not in row
    assert SECRET not in row
    with api.store.database.reading() as connection:
        rows = str(connection.exec_driver_sql("SELECT * FROM webhooks").all())
    assert "hunter" not in rows
    logged = "".join(record.getMessage() for record in caplog.records if record.name.startswith(("instar", "api")))
    assert "hunter" not in logged
    assert SECRET not in logged


async def test_k7_what_was_got_can_be_put_back_and_changes_nothing(api: Api) -> None:
    await put(api)
    before = (await api.http.get(CHAT)).json()
    again = await api.http.put(CHAT, json=before)
    assert again.status_code == 200, again.text
    assert again.json()["properties"] == {k: v for k, v in before["properties"].items() if k != "undelivered"}
    place = api.store.webhooks.place(stored(api).webhook.id)
    assert place is not None
    assert (place.url, place.secret) == (URL, SECRET)


async def test_what_is_left_out_stays_as_it_was(api: Api) -> None:
    await put(api)
    changed = await api.http.put("/instar/webhooks/CHAT", json={"events": ["*"]})
    assert changed.status_code == 200
    assert changed.json()["name"] == "chat"
    assert changed.json()["properties"]["events"] == ["*"]
    assert changed.json()["properties"]["url"] == URL


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"url": None}, "url"),
        ({"url": 7}, "url"),
        ({"url": "http://hooks.example.com/"}, "url"),
        ({"url": "https://169.254.169.254/"}, "url"),
        ({"url": "https://localhost/"}, "url"),
        ({"url": "https://u:p@hooks.example.com/"}, "url"),
        ({"scope": None}, "scope"),
        ({"scope": "subscriptions/x"}, "scope"),
        ({"scope": "/somewhere"}, "scope"),
        ({"scope": ["/"]}, "scope"),
        ({"events": []}, "events"),
        ({"events": ["begun"]}, "events"),
        ({"events": ["test"]}, "events"),
        ({"events": "started"}, "events"),
        ({"events": [{}]}, "events"),
        ({"secret": None}, "secret"),
        ({"secret": "hunter2"}, "secret"),
        ({"secret": 7}, "secret"),
        ({"enabled": "yes"}, "enabled"),
        ({"uri": URL}, "uri"),
        ({"properties": []}, "properties"),
        ({"properties": {"colour": 1}}, "colour"),
    ],
)
async def test_n1_nonsense_is_refused_by_the_member_at_fault(api: Api, changes: dict[str, Any], target: str) -> None:
    answer = await put(api, **changes)
    assert answer.status_code == 400, answer.text
    assert error_of(answer)["target"] == target
    assert api.store.webhooks.all() == []


@pytest.mark.parametrize("name", ["a b", "x" * 65, "-a", "a.b", "%C3%A9"])
async def test_a_name_that_is_none_is_refused(api: Api, name: str) -> None:
    assert (await put(api, f"/instar/webhooks/{name}")).status_code == 400


async def test_g4_a_host_that_the_operator_named_is_taken(api: Api) -> None:
    services = api.app.state.services
    hooks = services.settings.hooks.model_copy(update={"allow": Allowed.of(["127.0.0.1"])})
    settings = services.settings.model_copy(update={"hooks": hooks})
    api.app.state.services = dataclasses.replace(services, settings=settings)
    assert (await put(api, url="http://127.0.0.1:8/")).status_code == 201


async def test_n1_a_role_at_the_scope_is_needed_and_suffices(api: Api) -> None:
    mine = await as_(api, Role.CONTRIBUTOR, GROUP)
    body = GOOD | {"scope": SCALE_SET}
    assert (await api.http.put(CHAT, json=body, headers=mine)).status_code == 201
    for scope in ("/", f"/subscriptions/{SUBSCRIPTION}", "/subscriptions/other"):
        refused = await api.http.put(CHAT, json=body | {"scope": scope}, headers=mine)
        assert (refused.status_code, error_of(refused)["code"]) == (403, "AuthorizationFailed"), scope
    assert stored(api).webhook.scope == SCALE_SET
    elsewhere = await as_(api, Role.OWNER, "/subscriptions/other")
    for method, path, status in (
        ("GET", CHAT, 404),
        ("GET", f"{CHAT}/undelivered", 404),
        ("POST", f"{CHAT}/test", 404),
        ("POST", f"{CHAT}/resend", 404),
        ("PUT", CHAT, 409),
        ("DELETE", CHAT, 204),
    ):
        answer = await api.http.request(method, path, json=body, headers=elsewhere)
        assert answer.status_code == status, (method, path, answer.text)
        assert SCALE_SET not in answer.text
    assert (await api.http.get("/instar/webhooks", headers=elsewhere)).json()["value"] == []
    assert stored(api).etag == 1


async def test_n1_a_reader_sees_where_it_leads_and_changes_nothing(api: Api) -> None:
    await put(api)
    reader = await as_(api, Role.READER, f"/subscriptions/{SUBSCRIPTION}")
    got = await api.http.get(CHAT, headers=reader)
    assert got.json()["properties"]["url"] == "https://hooks.example.com/\u2026"
    assert "hunter" not in got.text
    for method, path in (("PUT", CHAT), ("DELETE", CHAT), ("POST", f"{CHAT}/test"), ("POST", f"{CHAT}/resend")):
        answer = await api.http.request(method, path, json=GOOD, headers=reader)
        assert answer.status_code == 403, (method, path)


async def test_an_etag_guards_against_another_who_was_faster(api: Api) -> None:
    assert (await api.http.put(CHAT, json=GOOD, headers={"If-Match": "*"})).status_code == 412
    made = await api.http.put(CHAT, json=GOOD, headers={"If-None-Match": "*"})
    assert made.status_code == 201
    assert (await api.http.put(CHAT, json=GOOD, headers={"If-None-Match": "*"})).status_code == 412
    tag = {"If-Match": made.headers["ETag"]}
    assert (await api.http.put(CHAT, json=GOOD, headers=tag)).status_code == 200
    assert (await api.http.put(CHAT, json=GOOD, headers=tag)).status_code == 412
    assert (await api.http.delete(CHAT, headers=tag)).status_code == 412


async def test_a_quota_refuses_what_is_new_and_nothing_else(api: Api) -> None:
    services = api.app.state.services
    quotas = services.settings.quotas.model_copy(update={"webhooks": 1})
    settings = services.settings.model_copy(update={"quotas": quotas})
    api.app.state.services = dataclasses.replace(services, settings=settings)
    assert (await put(api)).status_code == 201
    refused = await put(api, "/instar/webhooks/second")
    assert (refused.status_code, error_of(refused)["code"]) == (409, "QuotaExceeded")
    assert "INSTAR_QUOTAS__WEBHOOKS" in error_of(refused)["message"]
    assert (await put(api)).status_code == 200


async def test_n1_a_test_is_asked_for_and_what_is_not_delivered_is_listed_and_sent_again(api: Api) -> None:
    await put(api, events=["completed"])
    webhook = stored(api).webhook
    event = (await api.http.post(f"{CHAT}/test")).json()["event"]
    assert api.gateway.looked_at == [webhook.id, webhook.id]
    [one] = (await api.http.get(f"{CHAT}/undelivered")).json()["value"]
    assert (one["id"], one["event"], one["state"], one["attempts"]) == (event, "test", "Trying", 0)
    assert (await api.http.get(CHAT)).json()["properties"]["undelivered"] == 1
    assert (await api.http.post(f"{CHAT}/resend")).json() == {"resent": 0}
    api.store.deliveries.not_delivered(webhook.id, event, "the receiver answered 500", api.clock())
    api.store.deliveries.give_up(webhook.id, event)
    [one] = (await api.http.get(f"{CHAT}/undelivered")).json()["value"]
    assert (one["state"], one["attempts"], one["lastError"]) == ("GivenUp", 1, "the receiver answered 500")
    assert (await api.http.post(f"{CHAT}/resend", json={"events": ["evt_other"]})).json() == {"resent": 0}
    assert (await api.http.post(f"{CHAT}/resend", json={"events": [event]})).json() == {"resent": 1}
    api.store.deliveries.delivered(webhook.id, event, api.clock())
    got = (await api.http.get(CHAT)).json()["properties"]
    assert (got["lastDelivery"]["event"], got["undelivered"]) == (event, 0)


@pytest.mark.parametrize("body", [{"ids": []}, {"events": "all"}, {"events": [1]}, {"events": ["x"] * 1001}])
async def test_what_is_sent_again_is_named_by_ids(api: Api, body: dict[str, Any]) -> None:
    await put(api)
    assert (await api.http.post(f"{CHAT}/resend", json=body)).status_code == 400


async def test_n1_a_webhook_that_was_switched_off_says_why_and_is_switched_on_by_a_put(api: Api) -> None:
    await put(api)
    api.store.deliveries.disable(stored(api).webhook.id, "the receiver answered 410")
    assert (await api.http.get(CHAT)).json()["properties"]["whyDisabled"] == "the receiver answered 410"
    for path in ("test", "resend"):
        refused = await api.http.post(f"{CHAT}/{path}")
        assert refused.status_code == 409
        assert "answered 410" in error_of(refused)["message"]
    again = await put(api)
    assert again.json()["properties"]["enabled"] is True
    assert "whyDisabled" not in again.json()["properties"]
    assert (await api.http.post(f"{CHAT}/test")).status_code == 200


async def test_n1_a_long_list_of_undelivered_events_comes_in_pages(api: Api) -> None:
    await put(api)
    events = [(await api.http.post(f"{CHAT}/test")).json()["event"] for _ in range(5)]
    url, found = f"{CHAT}/undelivered?$top=2", list[str]()
    while url:
        page = (await api.http.get(url)).json()
        found += [one["id"] for one in page["value"]]
        url = page.get("nextLink", "")
    assert sorted(found) == sorted(events)


async def test_n1_the_sweep_begins_what_nobody_has_in_hand_and_forgets_what_is_old(api: Api) -> None:
    await put(api)
    webhook = stored(api).webhook
    event = (await api.http.post(f"{CHAT}/test")).json()["event"]
    await sweep(api.app.state.services)
    assert api.gateway.begun_webhooks == [], "young ones are in the hand of who wrote them"
    api.clock.advance(timedelta(minutes=2))
    await sweep(api.app.state.services)
    assert api.gateway.begun_webhooks == [webhook.id]
    api.store.deliveries.give_up(webhook.id, event)
    api.clock.advance(timedelta(days=30))
    await sweep(api.app.state.services)
    assert len(api.store.deliveries.undelivered(webhook.id)) == 1
    api.clock.advance(timedelta(days=1))
    await sweep(api.app.state.services)
    assert api.store.deliveries.undelivered(webhook.id) == []


async def test_n1_what_waits_for_a_webhook_that_was_switched_off_is_delivered_once_it_is_on_again(api: Api) -> None:
    await put(api)
    webhook = stored(api).webhook
    await api.http.post(f"{CHAT}/test")
    assert (await put(api, enabled=False)).status_code == 200
    [one] = (await api.http.get(f"{CHAT}/undelivered")).json()["value"]
    assert one["state"] == "SwitchedOff"
    assert api.store.deliveries.due(webhook.id, (), 5).stops
    assert api.store.deliveries.outgoing(webhook.id, one["id"]) is None
    await put(api)
    assert [due.event_id for due in api.store.deliveries.due(webhook.id, (), 5).events] == [one["id"]]
    api.clock.advance(timedelta(days=31, minutes=1))
    assert api.store.deliveries.forget(api.clock()) == 0, "somebody may still deliver it"
    await put(api, enabled=False)
    assert api.store.deliveries.forget(api.clock()) == 1


async def test_f5_a_key_that_is_gone_hides_the_url_and_takes_it_anew(api: Api) -> None:
    await put(api)
    with api.store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE webhooks SET sealed = 'gAAAAA'")
    assert (await api.http.get(CHAT)).json()["properties"]["url"] == "https://hooks.example.com/\u2026"
    assert (await put(api, url=None)).status_code == 400
    assert (await put(api)).status_code == 200
    assert (await api.http.get(CHAT)).json()["properties"]["url"] == URL
