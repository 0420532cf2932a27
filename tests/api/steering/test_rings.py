"""Rings over HTTP (docs/rules.md W5)."""

from typing import Any

import pytest

from api.upgrades.sweep import sweep
from instar.domain.access import Grant, Role
from instar.domain.messages.keepers import Keeps
from instar.domain.sets.names import RINGS
from instar.domain.steering.rings.progress import RingProgress, Seen, VersionProgress, judged
from instar.store.steering.rings import plan_of
from tests.api.conftest import GROUP, IMAGE, NEW, SCALE_SET, Api, error_of
from tests.api.steering.running import another_role

FLEET = "/instar/rings/fleet"
DB = SCALE_SET.replace("/web", "/db")
WISH: dict[str, Any] = {"rings": [{"sets": [SCALE_SET], "bake": "PT2H"}, {"sets": [DB]}]}


def seen_by_its_keeper(api: Api, **more: Any) -> None:
    """A look at both sets: web has completed with the newest version, db waits."""
    stored = api.store.rings.documents.find("fleet")
    assert stored is not None
    plan, now = plan_of(stored), api.clock()
    looks = [
        Seen(
            resource_id=path,
            name=path.rpartition("/")[2],
            ring=ring,
            unique_id=api.stored(path).identity.unique_id,
            machines=3,
            completed_at=now if ring == 0 else None,
            **(more if ring == 0 else {}),
        )
        for ring, path in enumerate((SCALE_SET, DB))
    ]
    version = VersionProgress(image="c:o:s", line=IMAGE.line, version=NEW, ring=0, since=now)
    progress = RingProgress(etag=plan.etag, versions=(judged(plan, version, looks, now),))
    assert api.store.rings.saw("FLEET", progress, now)


async def test_w5_rings_are_put_read_listed_changed_and_deleted(api: Api) -> None:
    made = await api.call("PUT", FLEET, WISH | {"reason": "canaries first"})
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["id"], body["name"], body["reason"]) == (FLEET, "fleet", "canaries first")
    assert body["properties"] == WISH | {"versions": []}
    assert api.gateway.keepers == [Keeps(what=RINGS, name="fleet")]
    assert (await api.call("PUT", FLEET, WISH | {"reason": "canaries first"})).json()["etag"] == body["etag"]
    changed = await api.call("PUT", "/instar/rings/FLEET", {"rings": WISH["rings"][:1]})
    assert changed.status_code == 200
    assert [one["name"] for one in (await api.get("/instar/rings"))["value"]] == ["FLEET"]
    assert (await api.call("DELETE", FLEET)).status_code == 200
    assert (await api.call("DELETE", FLEET)).status_code == 204
    assert (await api.call("GET", FLEET)).status_code == 404


async def test_w5_it_is_shown_where_each_version_is_since_when_and_what_keeps_it(api: Api) -> None:
    await api.create()
    await api.create(DB)
    await api.call("PUT", FLEET, WISH)
    seen_by_its_keeper(api)
    properties = (await api.get(FLEET))["properties"]
    assert properties["lookedAt"] == "2026-03-01T12:00:00.1234+00:00"
    [version] = properties["versions"]
    assert (version["version"], version["ring"], version["state"]) == (NEW, 1, "onItsWay")
    assert version["waitsFor"] == (
        "waits for ring 1 of 'fleet': 1 of 1 sets have completed, 1 bakes until 2026-03-01 14:00Z"
    )
    bakes, waits = version["sets"]
    assert (bakes["id"], bakes["ring"], bakes["state"]) == (SCALE_SET, 1, "bakes")
    assert bakes["until"] == "2026-03-01T14:00:00.1234+00:00"
    assert (waits["id"], waits["ring"], waits["state"]) == (DB, 2, "waits")


async def test_w5_what_stops_a_version_is_shown(api: Api) -> None:
    await api.create()
    await api.create(DB)
    await api.call("PUT", FLEET, WISH)
    seen_by_its_keeper(api, quarantined="5 of 20 unhealthy")
    [version] = (await api.get(FLEET))["properties"]["versions"]
    assert version["state"] == "stopped"
    assert version["waitsFor"] == "goes no further by the rings of 'fleet': quarantined in web (5 of 20 unhealthy)"


async def test_w5_what_was_seen_of_other_rings_is_not_shown(api: Api) -> None:
    await api.create()
    await api.create(DB)
    await api.call("PUT", FLEET, WISH)
    seen_by_its_keeper(api)
    stored = api.store.rings.documents.find("fleet")
    assert stored is not None
    await api.call("PUT", FLEET, {"rings": WISH["rings"][:1]})
    assert (await api.get(FLEET))["properties"]["versions"] == []
    assert not api.store.rings.saw("fleet", RingProgress(etag=stored.etag), api.clock()), "it looked at other rings"


async def test_w5_sets_of_rings_that_are_gone_look_sooner(api: Api) -> None:
    await api.create()
    await api.create(DB)
    await api.call("PUT", FLEET, WISH)
    seen_by_its_keeper(api)
    api.gateway.nudged.clear()
    await api.call("DELETE", FLEET)
    assert sorted(api.gateway.nudged) == ["db", "web"]


async def test_w5_only_what_was_seen_is_changed(api: Api) -> None:
    tag = (await api.call("PUT", FLEET, WISH)).headers["ETag"]
    await api.call("PUT", FLEET, WISH | {"reason": "another"})
    for method in ("PUT", "DELETE"):
        answer = await api.http.request(method, FLEET, json=WISH, headers={"If-Match": tag})
        assert answer.status_code == 412, answer.text
    assert (await api.http.request("PUT", FLEET, json=WISH, headers={"If-None-Match": "*"})).status_code == 412
    assert (await api.get(FLEET))["reason"] == "another"


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "rings"),
        ({"rings": None}, "rings"),
        ({"rings": [{"sets": [GROUP]}]}, "rings[0].sets[0]"),
        ({"rings": [{"sets": [SCALE_SET], "bake": "1 day"}]}, "rings[0].bake"),
        (WISH | {"scope": "/"}, "scope"),
        (WISH | {"reason": 7}, "reason"),
    ],
)
async def test_w5_nonsense_is_refused_by_name_and_nothing_is_stored(api: Api, body: Any, target: str) -> None:
    answer = await api.call("PUT", FLEET, body)
    assert answer.status_code == 400, answer.text
    assert error_of(answer).get("target", "") == target
    assert (await api.get("/instar/rings"))["value"] == []
    assert (await api.call("PUT", "/instar/rings/-x", WISH)).status_code == 400


async def test_w5_rings_take_a_role_everywhere(api: Api) -> None:
    await api.call("PUT", FLEET, WISH)
    async with another_role(api, Grant(Role.OWNER, GROUP)) as ask:
        for method in ("PUT", "GET", "DELETE"):
            assert (await ask(method, FLEET, WISH)).status_code == 403
    async with another_role(api, Grant(Role.READER, "/")) as ask:
        assert (await ask("GET", FLEET, None)).status_code == 200
        assert (await ask("PUT", FLEET, WISH)).status_code == 403


async def test_w5_there_is_an_end_to_how_many_there_may_be(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.store.rings.documents, "_at_most", 1)
    assert (await api.call("PUT", FLEET, WISH)).status_code == 201
    answer = await api.call("PUT", "/instar/rings/other", WISH)
    assert (answer.status_code, error_of(answer)["code"]) == (409, "QuotaExceeded")


async def test_w5_the_sweep_begins_the_keepers_of_all_rings(api: Api) -> None:
    await api.call("PUT", FLEET, WISH)
    await api.call("PUT", "/instar/rings/more", {"rings": [{"tag": {"name": "ring", "value": "1"}}]})
    api.gateway.keepers.clear()
    await sweep(api.app.state.services)
    assert api.gateway.keepers == [Keeps(what=RINGS, name="fleet"), Keeps(what=RINGS, name="more")]
