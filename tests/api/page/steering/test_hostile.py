"""Strangers' forms, markup in names and reasons, nonsense in each field: nothing is done, and what is shown is text."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from api.page.access.visitor import acts, seen
from api.page.asking import Api as Asking
from api.page.steering.offers import OF_ALL, OF_SETS
from api.page.steering.routes import router
from instar.domain.access import Role
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.steering.wishes import Gate
from tests.api.conftest import SCALE_SET, Api
from tests.api.page.steering.pages import ORIGIN, STEER, browser, filled
from tests.api.steering.running import run_upgrade
from tests.api.steering.test_rollbacks import upgraded
from tests.api.steering.test_starts import quarantine, there

ALL = "/page/steering"
MARKUP = """<script>alert(1)</script>"><img src=x onerror='x'>&amp;{{7*7}}{% raw %}"""


async def everything_runs(api: Api) -> None:
    """A set of which nearly every act makes sense."""
    await upgraded(api)
    run_upgrade(api, 3)
    api.store.wishes.ask(api.stored().identity.unique_id, 3, Gate.FIRST, api.clock())
    quarantine(api)
    status = api.store.statuses.get(api.stored().identity.unique_id)
    assert status is not None
    held = status.model_copy(update={"held": "behind"})
    api.store.statuses.write(api.stored().identity.unique_id, held, api.clock())
    await api.call("POST", f"{SCALE_SET}/instar/pause", {"reason": "r"})
    await api.call("PUT", f"{SCALE_SET}/instar/retention", {"keepPreviousDisks": "P7D", "reason": "r"})
    for place in (SCALE_SET, ""):
        await api.call("PUT", f"{place}/instar/rolloutPolicy", {"properties": {}})
    for kind, body in (
        ("holds", {"scope": "/", "reason": "r"}),
        ("limits", {"scope": "/", "upgradesAtOnce": 1}),
        ("rings", {"rings": [{"sets": [SCALE_SET]}, {"tag": {"name": "ring", "value": "2"}}]}),
    ):
        assert (await api.call("PUT", f"/instar/{kind}/one", body)).status_code == 201
    api.gateway.sent.clear()


def place_of(act: str, *, of_set: bool) -> str:
    if of_set:
        return f"{STEER}/{act}"
    return f"{ALL}/{act}" + ("" if act.startswith("policy") else "?name=one")


EVERY = [(name, True) for name in sorted(OF_SETS)] + [(name, False) for name in sorted(OF_ALL)]
FREE = ("start", "rollback", "automatic-off")
"""They make sense while nothing runs, or while it is on."""


@pytest.mark.parametrize(("act", "of_set"), EVERY)
async def test_each_act_asks_its_own_route_once_and_only_when_it_is_confirmed(
    api: Api, monkeypatch: pytest.MonkeyPatch, act: str, of_set: bool
) -> None:
    if act in FREE:
        await upgraded(api)
        if act == "automatic-off":
            await api.call(
                "PATCH",
                SCALE_SET,
                {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}},
            )
            api.end_operations()
    else:
        await everything_runs(api)
    asked: list[tuple[str, str]] = []
    ask = Asking.ask

    async def spied(self: Asking, method: str, path: str, **more: Any) -> Any:
        if (
            method != "GET"
            and not path.endswith(("/plan", "/check"))
            and (more.get("json") or {}).get("dryRun") is not True
        ):
            asked.append((method, path))
        return await ask(self, method, path, **more)

    monkeypatch.setattr(Asking, "ask", spied)
    offer = (OF_SETS if of_set else OF_ALL)[act]
    place = place_of(act, of_set=of_set)
    typed = {"reason": "because"} if any(field.name == "reason" for field in offer.fields) else {}
    if act == "keep":
        typed["keepPreviousDisks"] = "P2D"
    async with browser(api) as ann:
        form = await ann.form(place, **typed)
        assert ("confirm" in (await ann.get(place)).buttons) == (act != "reconcile")
        if offer.plan:
            form = filled(await ann.send(place, form | {"step": "plan"}))
        assert asked == [], "nothing is done that was not confirmed"
        outcome = await ann.send(place, form | {"step": "do"})
        assert outcome.status == (200 if offer.shows_answer else 303), outcome.told("refusal") or outcome.text
        assert (await ann.follow(outcome)).told("done-title") == offer.done
    method, template = offer.route
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
    [(asked_method, asked_path)] = asked
    assert asked_method == method
    assert re.fullmatch(pattern, asked_path), asked_path


@pytest.mark.parametrize(("act", "of_set"), [("start", True), ("cancel", True), ("hold", False), ("policy", False)])
async def test_a_form_of_somebody_elses_page_does_nothing(api: Api, act: str, of_set: bool) -> None:
    await everything_runs(api)
    place = place_of(act, of_set=of_set)
    before = api.store.audit.newest(1)
    async with browser(api) as ann, browser(api, name="bob") as bob:
        form = (await ann.get(place)).read.fields | {"step": "do", "reason": "r"}
        theirs = (await bob.get(place)).read.fields
        for sent, headers in (
            (form | {"csrf": ""}, {}),
            (form | {"csrf": theirs["csrf"]}, {}),
            ({name: value for name, value in form.items() if name != "csrf"}, {}),
            (form, {"Origin": "https://evil.example"}),
            (form, {"Sec-Fetch-Site": "cross-site"}),
        ):
            refused = await ann.send(place, sent, **headers)
            assert (refused.status, "RequestNotFromPage" in refused.text) == (403, True)
        ann.http.cookies.clear()
        nobody = await ann.send(place, form)
        assert (nobody.status, nobody.headers["location"].startswith("/page/login")) == (303, True)
    assert api.gateway.sent == []
    assert api.store.audit.newest(1) == before


def test_each_route_that_is_posted_to_takes_a_form_of_the_page() -> None:
    posted = [one for one in router.routes if isinstance(one, APIRoute) and "POST" in (one.methods or ())]
    assert len(posted) == 2
    for route in posted:
        assert acts in {one.call for one in route.dependant.dependencies}
    for one in router.routes:
        assert isinstance(one, APIRoute)
        assert {needed.call for needed in one.dependant.dependencies} & {acts, seen}, one.path


async def test_markup_is_text_wherever_it_stands(api: Api) -> None:
    await there(api)
    unique_id = api.stored().identity.unique_id
    async with browser(api, name=MARKUP) as ann:
        assert (await ann.do(f"{STEER}/pause", reason=MARKUP)).status == 200
        assert (await ann.do(f"{ALL}/hold", name="x", reason=MARKUP)).status == 200
        assert (await ann.do(f"{ALL}/limit", name="x", upgradesAtOnce="1", reason=MARKUP)).status == 200
        api.store.statuses.write(unique_id, ScaleSetStatus(held=MARKUP), api.clock())
        for path in (STEER, ALL, f"{ALL}/bar", f"{STEER}/pause", f"{STEER}/resume", f"{STEER}/reconcile",
                     f"{STEER}/pause/done", f"{STEER}/start", f"{ALL}/release?name=x", f"{ALL}/hold?name=x",
                     f"{ALL}/limit?name=x", f"{ALL}/hold/done?name=x", f"{ALL}/limit/done?name=x"):  # fmt: skip
            page = await ann.get(path)
            assert page.status == 200
            assert "<script>alert" not in page.text
            assert "<img" not in page.text
            assert {"img"} & set(page.read.tags) == set()
        assert MARKUP in (await ann.get(f"{STEER}/resume")).read.texts["says"]
        typed = dict.fromkeys(("name", "scope", "version", "instances"), MARKUP)
        for path in (
            f"{STEER}/start",
            f"{STEER}/lift",
            f"{STEER}/rollback",
            f"{ALL}/hold",
            f"{ALL}/limit",
            f"{ALL}/rings",
        ):
            url = str(ann.http.build_request("GET", path, params=typed).url)
            page = await ann.get(url)
            assert page.status in (200, 400)
            assert "<img" not in page.text
            values = [value for value in page.read.fields.values() if MARKUP in value]
            assert values, "it stands in its field as it was typed"


NONSENSE = [
    ("pause", {"reason": ""}, "reason"),
    ("pause", {"reason": "x" * 501}, "reason"),
    ("pause", {"reason": "r", "until": "tomorrow"}, "until"),
    ("pause", {"reason": "r", "until": "2020-01-01T00:00:00Z"}, "until"),
    ("pause", {"reason": "r", "hours": "soon"}, "hours"),
    ("pause", {"reason": "r", "hours": "nan"}, "hours"),
    ("pause", {"reason": "r", "hours": "-1"}, "hours"),
    ("pause", {"reason": "r", "hours": "1e9"}, "hours"),
    ("pause", {"reason": "r", "hours": "1", "until": "2126-01-01T00:00:00Z"}, "hours"),
    ("start", {"version": "latest"}, "version"),
    ("start", {"version": "9.9.9"}, "version"),
    ("start", {"instances": "all of them"}, "instances"),
    ("start", {"instances": "5-3"}, "instances"),
    ("start", {"instances": "77"}, "instances"),
    ("start", {"instances": "0-999999999"}, "instances"),
    ("start", {"override__hold": "on"}, "reason"),
    ("rollback", {"toVersion": "newest"}, "toVersion"),
    ("rollback", {"instances": "failed"}, "instances"),
    ("keep", {"keepPreviousDisks": "a week", "reason": "r"}, "keepPreviousDisks"),
    ("keep", {"keepPreviousDisks": "", "reason": "r"}, "keepPreviousDisks"),
    ("keep", {"keepPreviousDisks": "P7D", "reason": ""}, "reason"),
    ("policy", {"document": "{"}, "document"),
    ("policy", {"document": "[]"}, "document"),
    ("policy", {"document": '{"waves": [0]}'}, "document"),
    ("policy", {"document": '{"waves": NaN}'}, "document"),
    ("policy", {"document": '{"bake": "\\ud800"}'}, "document"),
    ("policy", {"document": "[" * 50_000}, "document"),
    ("policy", {"document": "{}", "reason": "x" * 501}, "reason"),
]


@pytest.mark.parametrize(("act", "typed", "field"), NONSENSE)
async def test_nonsense_is_told_beside_its_field_and_what_was_typed_stays(
    api: Api, act: str, typed: dict[str, str], field: str
) -> None:
    await upgraded(api)
    sent = len(api.gateway.sent)
    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/{act}", **typed)
        refused = await ann.send(f"{STEER}/{act}", form | {"step": "do"})
        if refused.status == 409:  # of a plan: it is looked at first, and is refused with the same words
            assert field in str(refused.text)
            refused = await ann.send(f"{STEER}/{act}", filled(refused) | {"step": "do"})
        assert refused.status == 400, refused.text
        wrong = refused.told(f"field-{field}-wrong")
        assert wrong, refused.text
        element = refused.read.attributes[f"field-{field}"]
        assert element["aria-invalid"] == "true"
        assert f"field-{field}-wrong" in element["aria-describedby"].split()
        for name, value in typed.items():
            kept = refused.read.fields.get(name.replace("__", "-"), "")
            assert kept == value
        assert len(api.gateway.sent) == sent
    assert api.store.wishes.pause_of(api.stored().identity.unique_id) is None
    assert api.store.retentions.get(api.stored().identity.unique_id) is None
    assert api.store.rollout_policies.get(api.stored().identity.unique_id) is None


FLEET_NONSENSE = [
    ("hold", {"name": ""}, "name"),
    ("hold", {"name": ".."}, "name"),
    ("hold", {"name": "a/b"}, "name"),
    ("hold", {"name": "x" * 81}, "name"),
    ("hold", {"name": "x" * 100_000}, "name"),
    ("hold", {"scope": ""}, "scope"),
    ("hold", {"scope": "everything"}, "scope"),
    ("hold", {"scope": "/" + "x" * 90_000}, "scope"),
    ("hold", {"reason": ""}, "reason"),
    ("limit", {"upgradesAtOnce": ""}, ""),
    ("limit", {"upgradesAtOnce": "three"}, "upgradesAtOnce"),
    ("limit", {"upgradesAtOnce": "0"}, "upgradesAtOnce"),
    ("limit", {"machinesOutAtOnce": "-5"}, "machinesOutAtOnce"),
    ("limit", {"scope": "nowhere"}, "scope"),
    ("rings", {"document": "none"}, "document"),
    ("rings", {"document": "{}"}, "document"),
    ("rings", {"document": "[]"}, "document"),
    ("rings", {"document": '[{"sets": 5}]'}, "document"),
]


@pytest.mark.parametrize(("act", "typed", "field"), FLEET_NONSENSE)
async def test_nonsense_over_many_sets_is_told_beside_its_field(
    api: Api, act: str, typed: dict[str, str], field: str
) -> None:
    good = {"name": "n", "reason": "r"}
    good |= {"upgradesAtOnce": "1"} if act == "limit" else {}
    good |= {"document": '[{"tag": {"name": "a", "value": "b"}}]'} if act == "rings" else {}
    async with browser(api) as ann:
        form = await ann.form(f"{ALL}/{act}", **(good | typed))
        refused = await ann.send(f"{ALL}/{act}", form | {"step": "do"})
    assert refused.status == 400, refused.text
    assert refused.told(f"field-{field}-wrong" if field else "refusal"), refused.text
    for name, value in typed.items():
        assert refused.read.fields[name] == value
    assert api.store.wishes.holds() == []
    assert api.store.turns.limits.all() == []
    assert api.store.rings.documents.all() == []


async def test_paths_that_name_no_act_and_no_set_are_told_plainly(api: Api) -> None:
    await api.create()
    async with browser(api) as ann:
        odd = [f"{STEER}/dance", f"{ALL}/dance", f"{STEER}/dance/done", f"{STEER}2/pause", f"{STEER}2",
               f"{STEER.replace('Farm', '%3Cb%3E')}/pause", f"{STEER.replace('web', '%00')}/pause",
               f"{STEER.replace('web', '..%3f')}/pause", f"{STEER.replace('web', 'x' * 30_000)}/pause"]  # fmt: skip
        form = await ann.form(f"{STEER}/pause", reason="r") | {"step": "do"}
        for path in odd:
            for page in (await ann.get(path), *([await ann.send(path, form)] if "done" not in path else [])):
                assert page.status in (400, 404) or (page.status, path) == (405, f"{STEER}2"), (path, page.status)
                assert page.told("refusal") or page.status == 405
                assert "<b>" not in page.text
    assert api.store.wishes.pause_of(api.stored().identity.unique_id) is None


async def test_a_session_that_is_over_leads_to_the_login(api: Api) -> None:
    await api.create()
    async with browser(api) as ann:
        ann.http.cookies.clear()
        for path in (STEER, f"{STEER}/pause", ALL, f"{ALL}/hold"):
            assert (await ann.get(path)).headers["location"].startswith("/page/login?then=")
        part = await ann.get(STEER, **{"HX-Request": "true", "HX-Current-URL": f"{ORIGIN}/"})
        assert (part.status, part.headers["hx-redirect"]) == (401, "/page/login")


async def test_a_part_of_the_page_has_no_head_and_each_page_asks_for_its_heading_to_be_read(api: Api) -> None:
    await there(api)
    async with browser(api, Role.OWNER) as ann:
        part = await ann.get(STEER, **{"HX-Request": "true"})
        assert "<html" not in part.text
        assert part.read.acts
        for path in (f"{STEER}/pause", f"{STEER}/start", f"{ALL}/hold"):
            page = await ann.get(path)
            heading = page.read.attributes["ask-title"]
            assert (heading[""], heading["tabindex"], heading["autofocus"]) == ("h1", "-1", "")
            labels = re.findall(r'<label for="(field-[\w-]+)"', page.text)
            assert set(labels) == {
                name
                for name in page.read.attributes
                if re.fullmatch(r"field-[\w-]+?(?<!-hint)(?<!-list)(?<!-wrong)", name)
            }
