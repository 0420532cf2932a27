"""Holding at a scope over HTTP (docs/rules.md C2)."""

from typing import Any

import pytest

from api.steering import holds
from instar.domain.access import Grant, Role
from tests.api.conftest import GROUP, SCALE_SET, SUBSCRIPTION, Api, error_of
from tests.api.steering.running import another_role, run_upgrade
from tests.support.receivers import has_webhook

FREEZE = "/instar/holds/freeze"
ALL = {"scope": "/", "reason": "code freeze"}
STATUS = f"{SCALE_SET}/instar/automaticOSUpgrades"


async def test_c2_one_command_freezes_everything_and_another_lets_it_go(api: Api) -> None:
    await api.create()
    await api.add_machines(3)
    other = SCALE_SET.replace("/web", "/db")
    await api.create(other)
    run_upgrade(api, 4, path=other)
    api.gateway.nudged.clear()
    answer = await api.call("PUT", FREEZE, ALL)
    assert answer.status_code == 201, answer.text
    assert (api.gateway.nudged, api.gateway.looks_again) == (["web"], [4]), "all are told"
    refused = await api.call("POST", f"{SCALE_SET}/osRollingUpgrade")
    assert refused.status_code == 409
    assert "held by 'freeze' on /" in error_of(refused)["message"]
    assert "code freeze" in error_of(refused)["message"]
    [shown] = (await api.get(STATUS))["properties"]["holds"]
    assert (shown["name"], shown["scope"], shown["reason"]) == ("freeze", "/", "code freeze")
    assert (await api.call("DELETE", FREEZE)).status_code == 200
    assert (await api.call("DELETE", FREEZE)).status_code == 204
    assert "holds" not in (await api.get(STATUS))["properties"]
    assert (await api.call("POST", f"{SCALE_SET}/osRollingUpgrade")).status_code == 202
    assert api.gateway.looks_again == [4, 4]


async def test_c2_scaling_power_reads_and_cancels_go_on(api: Api) -> None:
    await api.create()
    await api.add_machines(3)
    await api.call("PUT", FREEZE, ALL)
    for method, path, body in (
        ("PATCH", SCALE_SET, {"sku": {"name": "Standard_B2s", "capacity": 5}}),
        ("POST", f"{SCALE_SET}/start", {"instanceIds": ["0"]}),
        ("POST", f"{SCALE_SET}/rollingUpgrades/cancel", None),
        ("GET", f"{SCALE_SET}/virtualMachines", None),
    ):
        assert (await api.call(method, path, body)).status_code < 300, path


async def test_c2_a_hold_covers_what_is_below_its_scope_and_nothing_else(api: Api) -> None:
    await api.create()
    for scope, holds_it in (
        (f"/subscriptions/{SUBSCRIPTION}", True),
        (GROUP.upper().replace("/SUBSCRIPTIONS", "/subscriptions").replace("RESOURCEGROUPS", "resourceGroups"), True),
        (SCALE_SET, True),
        (f"{SCALE_SET}2", False),
        (f"{GROUP}2", False),
        (f"{GROUP}/", True),
    ):
        assert (await api.call("PUT", FREEZE, {"scope": scope, "reason": "r"})).status_code in (200, 201), scope
        assert ("holds" in (await api.get(STATUS))["properties"]) is holds_it, scope


async def test_c2_a_hold_is_replaced_and_told_to_both_scopes(api: Api) -> None:
    await api.create()
    await api.call("PUT", FREEZE, {"scope": SCALE_SET, "reason": "r"})
    api.gateway.nudged.clear()
    assert (await api.call("PUT", FREEZE.upper(), {"scope": f"{GROUP}2", "reason": "s"})).status_code == 200
    assert api.gateway.nudged == ["web"], "it may go on"
    assert [one["name"] for one in (await api.get("/instar/holds"))["value"]] == ["FREEZE"]
    assert (await api.get(FREEZE))["properties"]["reason"] == "s"


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"reason": "r"}, "scope"),
        ({"scope": "everything", "reason": "r"}, "scope"),
        ({"scope": "/subscriptions", "reason": "r"}, "scope"),
        ({"scope": f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net", "reason": "r"}, "scope"),
        ({"scope": f"{SCALE_SET}/virtualMachines/0", "reason": "r"}, "scope"),
        ({"scope": 5, "reason": "r"}, "scope"),
        ({"scope": "/"}, "reason"),
        ({"scope": "/", "reason": "r", "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"scope": "/", "reason": "r", "since": "2020-01-01T00:00:00Z"}, "since"),
    ],
)
async def test_c2_nonsense_is_refused_by_name_and_nothing_is_held(api: Api, body: Any, target: str) -> None:
    answer = await api.call("PUT", FREEZE, body)
    assert (answer.status_code, error_of(answer)["target"]) == (400, target)
    assert (await api.get("/instar/holds"))["value"] == []
    assert (await api.call("PUT", "/instar/holds/-x", ALL)).status_code == 400


async def test_c2_a_role_at_the_scope_is_needed_and_nobody_releases_anothers_freeze(api: Api) -> None:
    await api.create()
    await api.call("PUT", FREEZE, ALL)
    await api.call("PUT", "/instar/holds/far", {"scope": f"{GROUP}2", "reason": "r"})
    async with another_role(api, Grant(Role.CONTRIBUTOR, GROUP)) as ask:
        assert (await ask("PUT", "/instar/holds/mine", ALL)).status_code == 403
        assert (await ask("PUT", FREEZE, {"scope": GROUP, "reason": "r"})).status_code == 403
        assert (await ask("DELETE", FREEZE, None)).status_code == 403
        assert (await ask("PUT", "/instar/holds/mine", {"scope": GROUP, "reason": "r"})).status_code == 201
        seen = (await ask("GET", "/instar/holds", None)).json()["value"]
        assert [one["name"] for one in seen] == ["freeze", "mine"], "those that concern it, not the far one"
        assert (await ask("GET", "/instar/holds/far", None)).status_code == 404
        assert (await ask("DELETE", "/instar/holds/far", None)).status_code == 204
        assert (await ask("DELETE", "/instar/holds/mine", None)).status_code == 200
    assert (await api.get("/instar/holds/far"))["name"] == "far"
    async with another_role(api, Grant(Role.READER, "/")) as ask:
        assert (await ask("GET", FREEZE, None)).status_code == 200
        assert (await ask("DELETE", FREEZE, None)).status_code == 403


async def test_c2_there_is_an_end_to_how_many_there_may_be(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holds, "HOLDS_AT_MOST", 2)
    for name in ("a", "b", "b"):
        assert (await api.call("PUT", f"/instar/holds/{name}", ALL)).status_code in (200, 201)
    answer = await api.call("PUT", "/instar/holds/c", ALL)
    assert (answer.status_code, error_of(answer)["code"]) == (409, "QuotaExceeded")


async def test_n1_c2_webhooks_of_the_scope_are_told_of_a_hold_and_of_its_end(api: Api) -> None:
    webhook = has_webhook(api.store, "https://hooks.example.com/hook", api.clock()).webhook
    await api.call("PUT", FREEZE, ALL)
    await api.call("DELETE", FREEZE)
    due = api.store.deliveries.due(webhook.id, (), 10).events
    told = [api.store.deliveries.outgoing(webhook.id, one.event_id) for one in due]
    assert sorted(one.message for one in told if one) == [
        "hold freeze of / is ended: code freeze",
        "hold freeze of / is placed: code freeze",
    ]
