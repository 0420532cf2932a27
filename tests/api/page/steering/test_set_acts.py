"""What is done to one set from the page is what the API's routes do, by the person who did it."""

from datetime import timedelta

from instar.domain.messages.scale_set import CancelUpgrade, LiftQuarantine, StartUpgrade
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.steering.start_wishes import Limit, StartWishes
from instar.domain.steering.wishes import Gate, Pause
from tests.api.conftest import ENABLE, NEW, OLD, SCALE_SET, Api
from tests.api.page.steering.pages import STEER, browser, filled
from tests.api.steering.running import run_upgrade
from tests.api.steering.test_rollbacks import upgraded
from tests.api.steering.test_starts import quarantine, sent, there


def paused(api: Api) -> Pause | None:
    return api.store.wishes.pause_of(api.stored().identity.unique_id)


def audited(api: Api, path: str) -> list[tuple[str, int, str]]:
    """Who, how it went, why: of what was asked of a path, the oldest first."""
    found = [one for one in api.store.audit.newest(50) if one.resource == path]
    return [(one.name, one.status, one.reason) for one in reversed(found)]


async def test_c4_an_upgrade_is_started_after_its_plan_with_what_was_wished(api: Api) -> None:
    await there(api)
    async with browser(api) as ann:
        form = await ann.get(f"{STEER}/start")
        assert "3 of 3 machines" in form.told("plan-target"), "the plan of what it does by default is there at once"
        assert form.buttons == {"confirm", "show-plan"}
        outcome = await ann.do(
            f"{STEER}/start", version=OLD, instances="0,2", rollback=None, override__window="on", reason="try two"
        )
    assert outcome.status == 200
    assert outcome.told("done-title") == "The start was accepted."
    assert outcome.read.attributes["operation"]["data-status"] == "InProgress"
    wishes = sent(api)
    assert (wishes.version, wishes.instances.ranges, wishes.rolls_back) == (OLD, "0,2", False)
    assert (wishes.override, wishes.reason, wishes.by) == ((Limit.WINDOW,), "try two", "ann")
    assert audited(api, f"{SCALE_SET}/instar/upgrade") == [("ann", 202, "override window: try two")]
    assert audited(api, f"{SCALE_SET}/instar/plan") == [], "a plan is a look"


async def test_c4_by_default_it_is_the_newest_for_all(api: Api) -> None:
    await there(api)
    async with browser(api) as ann:
        assert (await ann.do(f"{STEER}/start")).status == 200
    assert sent(api) == StartWishes(by="ann")


async def test_r2_a_rollback_tells_who_goes_where_and_is_one(api: Api) -> None:
    await upgraded(api)
    async with browser(api) as ann:
        form = await ann.get(f"{STEER}/rollback")
        assert f"3 go back to {OLD} (0-2)" in form.told("plan")
        assert f"Quarantined then: {NEW}" in form.told("plan")
        outcome = await ann.do(f"{STEER}/rollback", instances="1", reason="errors went up")
    assert outcome.status == 200
    message = api.gateway.last
    assert isinstance(message, StartUpgrade)
    assert message.wishes is not None
    assert (message.wishes.goes_back, message.wishes.instances.ranges) == (True, "1")
    assert audited(api, f"{SCALE_SET}/instar/rollback") == [("ann", 202, "errors went up")]


async def test_c1_pause_and_resume(api: Api) -> None:
    await api.create()
    async with browser(api) as ann:
        outcome = await ann.do(f"{STEER}/pause", reason="storage is moved", hours="2")
        assert (outcome.status, outcome.told("done-title")) == (200, "The set is paused.")
        assert outcome.told("state").startswith("paused: paused by ann since")
        wish = paused(api)
        assert wish is not None
        assert (wish.reason, wish.by, wish.until) == ("storage is moved", "ann", api.clock() + timedelta(hours=2))
        until = "2026-04-01T06:00:00+00:00"
        assert (await ann.do(f"{STEER}/pause", reason="longer", until=until, hours="")).status == 200
        wish = paused(api)
        assert wish is not None
        assert (wish.reason, wish.until and wish.until.isoformat()) == ("longer", until)
        assert (await ann.do(f"{STEER}/resume")).told("done-title") == "The set is paused no more."
    assert paused(api) is None
    assert [one[:2] for one in audited(api, f"{SCALE_SET}/instar/resume")] == [("ann", 204)]


async def test_p14_c5_the_upgrade_that_is_seen_is_cancelled_and_undone(api: Api) -> None:
    await api.create()
    run_upgrade(api, 7)
    async with browser(api) as ann:
        form = await ann.get(f"{STEER}/cancel")
        assert f"Upgrade 7 to {NEW} ends" in form.told("says")
        assert (await ann.do(f"{STEER}/cancel", reason="errors")).status == 200
        message = api.gateway.last
        assert isinstance(message, CancelUpgrade)
        assert (message.number, message.revert, message.reason, message.by) == (7, False, "errors", "ann")
        assert (await ann.do(f"{STEER}/revert")).status == 200
        assert (api.gateway.last.number, api.gateway.last.revert, api.gateway.last.by) == (7, True, "ann")
    assert audited(api, f"{SCALE_SET}/instar/cancel") == [("ann", 202, "errors"), ("ann", 202, "")]


async def test_g3_a_gate_is_approved_or_rejected_with_who_and_why(api: Api) -> None:
    await api.create()
    unique_id = api.stored().identity.unique_id
    async with browser(api) as ann:
        for number, act in ((3, "approve"), (4, "reject")):
            run_upgrade(api, number)
            api.store.wishes.ask(unique_id, number, Gate.AFTER_CANARY, api.clock())
            form = await ann.get(f"{STEER}/{act}")
            assert "the gate 'afterCanary'" in form.told("says")
            assert (await ann.do(f"{STEER}/{act}", reason="looked at it")).status == 200
            run_upgrade(api, number, UpgradeStatus.COMPLETED)
    said = [api.store.wishes.binding(unique_id, SCALE_SET, api.clock(), number).approvals[0] for number in (3, 4)]
    assert [(one.approved, one.by, one.reason) for one in said] == [
        (True, "ann", "looked at it"),
        (False, "ann", "looked at it"),
    ]


async def test_t5_a_quarantine_is_lifted_by_its_version(api: Api) -> None:
    await there(api)
    quarantine(api)
    async with browser(api) as ann:
        form = await ann.get(f"{STEER}/lift?version={NEW}")
        assert "all sick" in form.told("says")
        assert form.read.fields["version"] == NEW
        assert (await ann.do(f"{STEER}/lift")).status == 200
    message = api.gateway.last
    assert isinstance(message, LiftQuarantine)
    assert message.version == NEW


async def test_r1_previous_disks_are_kept_longer_and_as_the_setting_says_again(api: Api) -> None:
    await api.create()
    unique_id = api.stored().identity.unique_id
    async with browser(api) as ann:
        assert "are kept for P1D" in (await ann.get(f"{STEER}/keep")).told("says")
        outcome = await ann.do(f"{STEER}/keep", keepPreviousDisks="P7D", reason="holidays")
        assert "previous disks are kept for P7D: holidays (ann" in outcome.text
        wish = api.store.retentions.get(unique_id)
        assert wish is not None
        assert (wish.keep, wish.by) == (timedelta(days=7), "ann")
        assert (await ann.do(f"{STEER}/keep-default")).status == 200
        assert api.store.retentions.get(unique_id) is None
        assert (await ann.get(f"{STEER}/keep-default")).told("sense") == "Not now: The setting holds."


async def test_t1_automatic_upgrades_are_switched_on_and_off(api: Api) -> None:
    await api.create()
    async with browser(api) as ann:
        for act, on in (("automatic-on", True), ("automatic-off", False)):
            assert (await ann.do(f"{STEER}/{act}")).status == 200
            policy = api.stored().document["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]
            assert policy["enableAutomaticOSUpgrade"] is on
            api.end_operations()
    assert [one[:2] for one in audited(api, SCALE_SET)] == [("owner", 201), ("ann", 200), ("ann", 200)]


async def test_f7_records_that_are_behind_take_over_what_was_shown(api: Api) -> None:
    await there(api)
    assert (await api.call("PATCH", SCALE_SET, ENABLE)).status_code == 200
    async with browser(api) as ann:
        assert "not behind" in (await ann.get(f"{STEER}/reconcile")).told("sense")
        api.store.statuses.write(api.stored().identity.unique_id, ScaleSetStatus(held="records are older"), api.clock())
        sent_before = len(api.gateway.sent)
        form = await ann.get(f"{STEER}/reconcile")
        assert "records are older" in form.told("says")
        assert form.buttons == {"show-plan"}, "what would be taken over is looked at first"
        assert audited(api, f"{SCALE_SET}/instar/reconcile") == []
        planned = await ann.send(f"{STEER}/reconcile", filled(form) | {"step": "plan"})
        assert "instances 0-2 are there" in planned.told("plan")
        assert len(api.gateway.sent) == sent_before, "to look changes nothing"
        done = await ann.send(f"{STEER}/reconcile", filled(planned) | {"step": "do"})
        assert (await ann.follow(done)).status == 200
        assert type(api.gateway.last).__name__ == "Reconcile"
