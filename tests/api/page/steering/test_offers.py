"""What is offered: only what the roles allow and what makes sense now. Every route that steers can be reached."""

import re
from typing import Any

import pytest
from typer.main import get_command

from api.page.steering.offers import OF_ALL, OF_SETS
from instar.cli.app import app as main
from instar.domain.access import Role
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.steering.wishes import Gate
from tests.api.conftest import GROUP, SCALE_SET, Api
from tests.api.page.steering.pages import STEER, browser
from tests.api.steering.running import run_upgrade
from tests.api.steering.test_starts import quarantine, there
from tests.support.house import ROOT

TAGS = {"steering", "rolling upgrades", "automatic upgrades", "rollout policies"}
READS = ("get", "head")

WITHOUT = {
    ("POST", "/osRollingUpgrade"): "Azure's own start: the page starts by instar/upgrade, which can do all that it can",
    ("POST", "/rollingUpgrades/cancel"): "Azure's own cancel: the page cancels by instar/cancel, and by number",
}
"""Routes that change something and that no act of the page is, and why."""

PLANS = {
    ("POST", "/instar/plan"),
    ("POST", "/instar/rollback/plan"),
    ("POST", "/instar/rolloutPolicy/check"),
}
"""They change nothing: what they tell is shown before a start, a rollback, or a policy."""


def steering_routes(api: Api) -> set[tuple[str, str]]:
    """By method and path; of a set's without the set."""
    found = set()
    for path, operations in api.app.openapi()["paths"].items():
        for method, operation in operations.items():
            if method not in READS and TAGS & set(operation.get("tags", ())):
                found.add((method.upper(), path.partition("{scaleSetName}")[2] or path))
    return found


def test_no_act_is_there_twice() -> None:
    named = [(act.name, act.title, act.command) for act in (*OF_SETS.values(), *OF_ALL.values())]
    assert len(set(named)) == len(named)


async def test_every_route_that_steers_is_an_act_of_the_page(api: Api) -> None:
    acts = [*OF_SETS.values(), *OF_ALL.values()]
    reached = {(act.route[0], act.route[1].partition("{scaleSetName}")[2] or act.route[1]) for act in acts}
    routes = steering_routes(api)
    assert len(routes) > 20
    assert routes - reached - PLANS - WITHOUT.keys() == set(), "steered by the API and not by the page"
    [(method, path)] = reached - routes
    assert (method, path.endswith("/virtualMachineScaleSets/{scaleSetName}")) == ("PATCH", True), "the set itself"
    assert (PLANS | WITHOUT.keys()) <= routes, "an exception of a route that there is not"


def test_the_document_lists_every_act_with_its_command_and_its_route() -> None:
    text = (ROOT / "docs" / "page.md").read_text(encoding="utf-8")
    rows = {
        tuple(cell.strip() for cell in row.strip("|").split("|")) for row in re.findall(r"^\|.*\|$", text, re.MULTILINE)
    }
    for act in (*OF_SETS.values(), *OF_ALL.values()):
        method, path = act.route
        shown = path.partition("{scaleSetName}")[2] if "{scaleSetName}" in path else path
        route = f"`{method} {'…/SET' if shown != path or not shown else ''}{shown}`"
        assert (act.title, f"`{act.command}`", route) in rows, (act.title, f"`{act.command}`", route)


def test_every_command_that_is_named_is_there() -> None:
    for act in (*OF_SETS.values(), *OF_ALL.values()):
        found: Any = get_command(main)
        for word in act.command.split()[1:]:
            if hasattr(found, "commands"):
                found = found.commands[word]
            elif word.startswith("--"):
                assert word in {name for option in found.params for name in option.opts}, act.command


async def offered(api: Api, role: Role = Role.OWNER, scope: str = "/") -> set[str]:
    async with browser(api, role, scope) as ann:
        return set((await ann.get(STEER)).read.acts)


ALWAYS = {"pause", "keep", "policy", "policy-test", "hold"}
IDLE = ALWAYS | {"start", "rollback", "automatic-on"}


async def test_what_is_offered_follows_what_runs(api: Api) -> None:
    await there(api)
    assert await offered(api) == IDLE
    run_upgrade(api, 3)
    assert await offered(api) == ALWAYS | {"automatic-on", "cancel", "revert"}
    api.store.wishes.ask(api.stored().identity.unique_id, 3, Gate.FIRST, api.clock())
    assert await offered(api) == ALWAYS | {"automatic-on", "cancel", "revert", "approve", "reject"}
    run_upgrade(api, 3, UpgradeStatus.COMPLETED)
    await api.call("POST", f"{SCALE_SET}/instar/pause", {"reason": "r"})
    await api.call("PUT", f"{SCALE_SET}/instar/retention", {"keepPreviousDisks": "P7D", "reason": "r"})
    await api.call("PUT", f"{SCALE_SET}/instar/rolloutPolicy", {"properties": {}})
    quarantine(api)
    assert await offered(api) == IDLE | {"resume", "keep-default", "policy-delete", "lift"}
    api.store.statuses.write(api.stored().identity.unique_id, ScaleSetStatus(held="behind"), api.clock())
    assert "reconcile" in await offered(api)


async def test_p15_a_set_in_deletion_is_offered_nothing(api: Api) -> None:
    await there(api)
    assert (await api.call("DELETE", SCALE_SET)).status_code == 202
    assert await offered(api) == {"hold"}


async def test_c4_whoever_may_only_read_is_offered_plans_and_no_act(api: Api) -> None:
    await there(api)
    await api.call("PUT", "/instar/holds/freeze", {"scope": "/", "reason": "r"})
    async with browser(api, Role.READER, "/") as ann:
        for path in (STEER, "/page/steering", "/page/steering/bar"):
            page = await ann.get(path)
            assert page.status == 200
            assert page.read.acts == []
        assert "plan-start" in (await ann.get(STEER)).read.attributes
        for act in OF_SETS.values():
            form = await ann.get(f"{STEER}/{act.name}")
            assert form.status == 200
            assert form.buttons <= {"show-plan"}, act.name
            assert ("ask" in form.read.attributes) == act.readers_plan
        planned = await ann.send(f"{STEER}/start", await ann.form(f"{STEER}/start") | {"step": "plan"})
        assert "3 of 3 machines" in planned.told("plan-target")


@pytest.mark.parametrize("act", sorted(OF_SETS))
async def test_c4_a_reader_who_posts_anyway_is_refused_by_the_api(api: Api, act: str) -> None:
    await there(api)
    run_upgrade(api, 3)
    quarantine(api)
    async with browser(api, Role.READER, "/") as ann:
        form = {"csrf": csrf_in((await ann.get(STEER)).text), "step": "do", "reason": "r"}
        form |= {"document": "{}", "keepPreviousDisks": "P7D", "version": "" if act == "start" else "1.0"}
        refused = await ann.send(f"{STEER}/{act}", form)
    assert refused.status == 403, refused.text
    assert refused.read.attributes["refusal"]["data-code"] == "AuthorizationFailed"
    assert "The role Contributor there" in refused.told("refusal")
    assert api.gateway.sent == []


def csrf_in(text: str) -> str:
    """What the page's form of the logout holds."""
    found = re.search(r'name="csrf" value="(\w+)"', text)
    assert found
    return found[1]


async def test_c4_boxes_to_waive_a_limit_are_for_owners(api: Api) -> None:
    await there(api)
    async with browser(api, Role.CONTRIBUTOR, GROUP) as bob:
        form = await bob.get(f"{STEER}/start")
        assert "field-override-hold" not in form.read.attributes
        waives = {"override-hold": "on", "reason": "anyway"}
        planned = await bob.send(f"{STEER}/start", form.read.fields | waives | {"step": "plan"})
        assert planned.status == 200, "a plan waives nothing"
        assert "override-hold" not in planned.read.fields
        refused = await bob.send(f"{STEER}/start", planned.read.fields | waives | {"step": "do"})
        assert (refused.status, refused.read.attributes["refusal"]["data-code"]) == (403, "AuthorizationFailed")
        assert "The role Owner there" in refused.told("refusal")
        assert api.gateway.sent == []
    async with browser(api, Role.OWNER, SCALE_SET) as ann:
        assert "field-override-hold" in (await ann.get(f"{STEER}/start")).read.attributes


async def test_c2_a_role_in_a_group_holds_there_and_not_above(api: Api) -> None:
    await there(api)
    async with browser(api, Role.CONTRIBUTOR, GROUP) as bob:
        page = await bob.get(STEER)
        scopes = re.findall(r'<option value="([^"]+)"', page.text)
        assert scopes == [SCALE_SET, GROUP]
        refused = await bob.do("/page/steering/hold?scope=/", name="all", reason="r")
        assert (refused.status, refused.read.attributes["refusal"]["data-code"]) == (403, "AuthorizationFailed")
    assert api.store.wishes.holds() == []


async def test_what_one_may_not_read_is_not_said_to_be_empty(api: Api) -> None:
    await api.create()
    async with browser(api, Role.READER, GROUP) as ann:
        shown = await ann.get("/page/steering")
        for name in ("rings", "default-policy"):
            assert "Your roles do not let you read these" in shown.told(name)
        assert [one for one in api.store.audit.newest(50) if one.status == 403] == [], "to look is no attempt"
        assert "There are no rings" not in shown.told("rings")
        assert "Nothing is held" in shown.told("holds")
