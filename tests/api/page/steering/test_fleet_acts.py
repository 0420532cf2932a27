"""What is done over many sets from the page: holds, limits, rings, the default rollout policy."""

import json
from datetime import timedelta
from typing import Any

from instar.domain.access import Role
from tests.api.conftest import GROUP, SCALE_SET, SUBSCRIPTION, Api
from tests.api.page.steering.pages import STEER, browser, filled
from tests.api.page.steering.test_set_acts import audited
from tests.api.steering.test_rings import seen_by_its_keeper

ALL = "/page/steering"
RINGS = [{"sets": [SCALE_SET], "bake": "PT2H"}, {"sets": [SCALE_SET.replace("/web", "/db")]}]
POLICY = {"waves": [1, "5%"], "bake": "PT10M"}


async def test_c2_a_hold_is_put_on_a_scope_and_lifted(api: Api) -> None:
    await api.create()
    async with browser(api) as ann:
        scopes = (await ann.get(STEER)).text
        for scope in (SCALE_SET, GROUP, f"/subscriptions/{SUBSCRIPTION}", "/"):
            assert f'<option value="{scope}">' in scopes
            path = f"{ALL}/hold?scope={scope}"
            outcome = await ann.do(path, name="freeze", reason="it is Friday", hours="60")
            assert (outcome.status, outcome.told("done-title")) == (200, "It is held.")
            hold = api.store.wishes.hold_named("freeze")
            assert hold is not None
            assert (hold.scope, hold.by, hold.reason) == (scope, "ann", "it is Friday")
            assert hold.until == api.clock() + timedelta(hours=60)
            assert "release" in (await ann.get(STEER)).read.acts
            assert "Nothing is held" not in (await ann.get(ALL)).told("holds")
            assert "it is Friday" in (await ann.get(f"{ALL}/bar")).text
            released = await ann.do(f"{ALL}/release?name=freeze")
            assert released.told("done-title") == "That hold is lifted."
            assert api.store.wishes.hold_named("freeze") is None
    asked = audited(api, "/instar/holds/freeze")
    assert asked == [("ann", 201, "it is Friday"), ("ann", 200, "")] * 4


async def test_c2_a_hold_of_a_name_that_is_taken_is_replaced_only_by_who_has_seen_it(api: Api) -> None:
    async with browser(api) as ann, browser(api, name="bob") as bob:
        form = await ann.form(f"{ALL}/hold", name="freeze", reason="ann's")
        assert (await bob.do(f"{ALL}/hold", name="freeze", reason="bob's")).status == 200
        late = await ann.send(f"{ALL}/hold", form | {"step": "do"})
        assert (late.status, "Nothing was done" in late.told("changed")) == (409, True)
        assert "by bob" in late.told("says")
        assert "bob's" in late.told("says")
        hold = api.store.wishes.hold_named("freeze")
        assert hold is not None
        assert hold.by == "bob"
        again = await ann.send(f"{ALL}/hold", filled(late) | {"step": "do"})
        assert again.status == 303
        hold = api.store.wishes.hold_named("freeze")
        assert hold is not None
        assert (hold.by, hold.reason) == ("ann", "ann's")


async def test_c2_a_hold_that_is_another_one_now_is_not_lifted(api: Api) -> None:
    async with browser(api) as ann:
        await api.call("PUT", "/instar/holds/freeze", {"scope": "/", "reason": "first"})
        form = await ann.form(f"{ALL}/release?name=freeze")
        await api.call("PUT", "/instar/holds/freeze", {"scope": "/", "reason": "second, and serious"})
        late = await ann.send(f"{ALL}/release", form | {"step": "do"})
        assert (late.status, "second, and serious" in late.told("says")) == (409, True)
        assert api.store.wishes.hold_named("freeze") is not None
        await api.call("DELETE", "/instar/holds/freeze")
        gone = await ann.send(f"{ALL}/release", filled(late) | {"step": "do"})
        assert (gone.status, "There is none of the name 'freeze'" in gone.told("changed")) == (409, True)


async def test_w4_a_limit_is_stored_changed_and_removed(api: Api) -> None:
    async with browser(api) as ann:
        outcome = await ann.do(f"{ALL}/limit", name="power", upgradesAtOnce="3", machinesOutAtOnce="", reason="feed")
        assert (outcome.status, outcome.told("done-title")) == (200, "The limit is stored.")
        stored = api.store.turns.limits.find("power")
        assert stored is not None
        assert (stored.document, stored.changed_by) == ({"scope": "/", "upgradesAtOnce": 3}, "ann")
        form = await ann.form(f"{ALL}/limit?name=power", machinesOutAtOnce="50")
        assert form["upgradesAtOnce"] == "3"
        await api.call("PUT", "/instar/limits/power", {"scope": "/", "upgradesAtOnce": 9})
        late = await ann.send(f"{ALL}/limit", form | {"step": "do"})
        assert (late.status, late.read.fields["machinesOutAtOnce"]) == (409, "50")
        assert (await ann.send(f"{ALL}/limit", filled(late) | {"step": "do"})).status == 303
        stored = api.store.turns.limits.find("power")
        assert stored is not None
        assert stored.document == {"scope": "/", "upgradesAtOnce": 3, "machinesOutAtOnce": 50}
        assert "upgrades 0 of 3" in (await ann.get(ALL)).told("limits")
        assert (await ann.do(f"{ALL}/limit-delete?name=power")).told("done-title").startswith("There is no such limit")
    assert api.store.turns.limits.find("power") is None
    assert [one[0] for one in audited(api, "/instar/limits/power")] == ["ann", "owner", "ann", "ann"]


async def test_w5_rings_are_stored_shown_with_what_versions_wait_for_and_removed(api: Api) -> None:
    await api.create()
    await api.create(SCALE_SET.replace("/web", "/db"))
    async with browser(api) as ann:
        outcome = await ann.do(f"{ALL}/rings", name="fleet", document=json.dumps(RINGS), reason="canaries first")
        assert (outcome.status, outcome.told("done-title")) == (200, "The rings are stored.")
        stored = api.store.rings.documents.find("fleet")
        assert stored is not None
        assert (len(stored.document["rings"]), stored.changed_by, stored.reason) == (2, "ann", "canaries first")
        seen_by_its_keeper(api)
        assert "waits for ring 1 of 'fleet'" in (await ann.get(ALL)).told("rings")
        form = await ann.form(f"{ALL}/rings?name=fleet")
        assert json.loads(form["document"])[0]["bake"] == "PT2H"
        assert (await ann.do(f"{ALL}/rings-delete?name=fleet")).status == 200
    assert api.store.rings.documents.find("fleet") is None
    assert [one[:2] for one in audited(api, "/instar/rings/fleet")] == [("ann", 201), ("ann", 200)]


async def test_w1_a_rollout_policy_is_checked_stored_tried_and_removed(api: Api) -> None:
    await api.create()
    await api.add_machines(3)
    unique_id = api.stored().identity.unique_id
    for place, path, key in (
        (STEER, f"{SCALE_SET}/instar/rolloutPolicy", unique_id),
        (ALL, "/instar/rolloutPolicy", ""),
    ):
        async with browser(api) as ann:
            text = json.dumps(POLICY)
            form = await ann.form(f"{place}/policy", document=text, reason="busy")
            checked = await ann.send(f"{place}/policy", form | {"step": "plan"})
            assert (checked.status, bool(checked.told("plan-windows"))) == (200, True)
            assert ("plan-batches" in checked.read.attributes) == (place == STEER)
            assert api.store.rollout_policies.get(key) is None, "a check stores nothing"
            stored = await ann.send(f"{place}/policy", filled(checked) | {"step": "do"})
            assert stored.status == 303, stored.text
            found = api.store.rollout_policies.get(key)
            assert found is not None
            assert (found.changed_by, found.reason) == ("ann", "busy")
            shown = json.loads((await ann.form(f"{place}/policy"))["document"])
            assert shown["waves"] == [1, "5%"]
            tried = await ann.do(f"{place}/policy-test")
            assert (tried.status, "no hooks and no judges" in tried.text) == (200, True)
            assert (await ann.do(f"{place}/policy-delete", reason="over")).status == 200
            assert api.store.rollout_policies.get(key) is None
        assert audited(api, path) == [("ann", 201, "busy"), ("ann", 200, "over")]


async def test_w1_a_policy_that_somebody_else_changed_is_not_overwritten(api: Api) -> None:
    await api.create()
    place = f"{SCALE_SET}/instar/rolloutPolicy"
    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/policy", document=json.dumps(POLICY))
        await api.call("PUT", place, {"properties": {"waves": [2]}})
        late = await ann.send(f"{STEER}/policy", form | {"step": "do"})
        assert (late.status, json.loads(late.read.fields["document"])) == (409, POLICY)
        assert (await api.get(place))["properties"]["waves"] == [2]
        delete = await ann.form(f"{STEER}/policy-delete")
        await api.call("PUT", place, {"properties": {"waves": [3]}})
        assert (await ann.send(f"{STEER}/policy-delete", delete | {"step": "do"})).status == 409
        assert (await api.get(place))["properties"]["waves"] == [3]


async def test_c2_whoever_may_not_read_rings_sees_the_rest(api: Api) -> None:
    await api.call("PUT", "/instar/holds/farm", {"scope": GROUP, "reason": "r"})
    await api.call("PUT", "/instar/holds/elsewhere", {"scope": "/subscriptions/another", "reason": "r"})
    async with browser(api, Role.CONTRIBUTOR, GROUP) as ann:
        page = await ann.get(ALL)
        assert page.status == 200
        assert "AuthorizationFailed" in page.told("rings")
        assert ("farm" in page.told("holds"), "elsewhere" in page.told("holds")) == (True, False)
        offered: list[Any] = page.read.acts
        assert "release" in offered
        assert not {"rings", "policy"} & set(offered)
