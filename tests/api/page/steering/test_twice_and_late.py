"""What is sent twice is done once; what was overtaken is not done to something else (docs/rules.md P14, P15, G3)."""

import asyncio
from typing import Any

import pytest

from api.access.caller import NOBODY, Caller
from api.page.asking import Answer
from api.page.asking import Api as Asking
from api.page.steering import subjects
from api.page.steering.once import Once
from api.wire.errors import ArmError, unavailable
from instar.compute.errors import Unavailable
from instar.compute.simulated.fleet import SimulatedFleet
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.steering.wishes import Gate
from tests.api.conftest import NEW, OLD, SCALE_SET, Api
from tests.api.page.steering.pages import STEER, Shown, browser, filled
from tests.api.steering.running import run_upgrade
from tests.api.steering.test_starts import quarantine, there


def refusal(shown: Shown) -> tuple[int, str]:
    return shown.status, shown.read.attributes["refusal"]["data-code"]


async def test_p15_a_form_that_is_sent_twice_starts_one_upgrade(api: Api) -> None:
    await there(api)
    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/start") | {"step": "do"}
        answers = await asyncio.gather(*(ann.send(f"{STEER}/start", form) for _ in range(4)))
        run_upgrade(api, 1)
        answers += [await ann.send(f"{STEER}/start", form)]
        assert [one.status for one in answers] == [303] * 5
        assert len({one.headers["location"] for one in answers}) == 1, "all are led to the same outcome"
        assert len(api.gateway.sent) == 1
        outcome = await ann.follow(answers[0])
        assert outcome.told("what-runs").startswith("Upgrade 1 to")
        assert (await ann.get(answers[0].headers["location"])).status == 200, "a reload asks nothing again"
        assert len(api.gateway.sent) == 1


async def test_p15_the_same_form_of_another_process_is_told_what_has_begun(api: Api) -> None:
    await there(api)
    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/start") | {"step": "do"}
        assert (await ann.send(f"{STEER}/start", form)).status == 303
        run_upgrade(api, 1)
        del api.app.state.page_once
        late = await ann.send(f"{STEER}/start", form)
        assert (late.status, late.buttons) == (409, {"show-plan"})
        assert f"Upgrade 1 to {NEW} runs" in late.told("changed")
        assert len(api.gateway.sent) == 1


async def test_c1_a_form_that_was_changed_on_the_way_back_is_not_taken_for_the_first(api: Api) -> None:
    await api.create()
    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/pause", reason="first") | {"step": "do"}
        assert (await ann.send(f"{STEER}/pause", form)).status == 303
        late = await ann.send(f"{STEER}/pause", form | {"reason": "second"})
        assert (late.status, "paused by ann" in late.told("says")) == (409, True)
        wish = api.store.wishes.pause_of(api.stored().identity.unique_id)
        assert wish is not None
        assert wish.reason == "first"
        assert (await ann.send(f"{STEER}/pause", filled(late) | {"step": "do"})).status == 303


@pytest.mark.parametrize("act", ["cancel", "revert"])
async def test_p14_the_next_upgrade_is_not_cancelled_in_the_place_of_the_one_that_was_seen(api: Api, act: str) -> None:
    await api.create()
    run_upgrade(api, 7)
    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/{act}", reason="r") | {"step": "do"}
        run_upgrade(api, 7, UpgradeStatus.COMPLETED)
        ended = await ann.send(f"{STEER}/{act}", form)
        assert (ended.status, "No upgrade of web runs" in ended.told("changed")) == (409, True)
        assert "confirm" not in ended.buttons
        run_upgrade(api, 8)
        late = await ann.send(f"{STEER}/{act}", form)
        assert (late.status, "Upgrade 8" in late.told("says")) == (409, True)
        assert all(type(message).__name__ != "CancelUpgrade" for _, message in api.gateway.sent)
        assert (await ann.send(f"{STEER}/{act}", filled(late) | {"step": "do"})).status == 303
        assert api.gateway.last.number == 8


async def test_g3_an_approval_is_of_the_gate_that_was_seen(api: Api) -> None:
    await api.create()
    run_upgrade(api, 3)
    unique_id = api.stored().identity.unique_id
    api.store.wishes.ask(unique_id, 3, Gate.FIRST, api.clock())
    async with browser(api) as ann, browser(api, name="bob") as bob:
        form = await ann.form(f"{STEER}/approve") | {"step": "do"}
        assert (await bob.do(f"{STEER}/approve")).status == 200
        late = await ann.send(f"{STEER}/approve", form)
        assert (late.status, "waits for no approval" in late.told("changed")) == (409, True)
        api.store.wishes.ask(unique_id, 3, Gate.AFTER_CANARY, api.clock())
        other = await ann.send(f"{STEER}/approve", form)
        assert (other.status, "'afterCanary'" in other.told("says")) == (409, True)
        assert api.store.wishes.binding(unique_id, SCALE_SET, api.clock(), 3).open_gate is Gate.AFTER_CANARY


async def test_c3_nothing_overtaken_is_done_because_roles_could_not_be_told(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await there(api)

    async def away(*_: object) -> Caller:
        return NOBODY

    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/start") | {"step": "do"}
        api.store.images.publish(
            "Canonical", "UbuntuServer", "18.04-LTS", "18.04.202403010", "westus2", {}, api.clock()
        )
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(subjects, "caller_of", away)
            late = await ann.send(f"{STEER}/start", form)
        assert refusal(late) == (503, "ServiceUnavailable")
        assert api.gateway.sent == []
        assert (await ann.send(f"{STEER}/start", form)).status == 409


async def test_c3_a_start_whose_plan_is_another_one_by_now_is_shown_again(api: Api) -> None:
    await there(api)
    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/start") | {"step": "do"}
        newer = "18.04.202403010"
        api.store.images.publish("Canonical", "UbuntuServer", "18.04-LTS", newer, "westus2", {}, api.clock())
        late = await ann.send(f"{STEER}/start", form)
        assert (late.status, newer in late.told("plan-target")) == (409, True)
        edited = await ann.send(f"{STEER}/start", form | {"version": OLD})
        assert (edited.status, OLD in edited.told("plan-target")) == (409, True)
        assert api.gateway.sent == []
        assert (await ann.send(f"{STEER}/start", filled(edited) | {"step": "do"})).status == 303
        assert api.gateway.last.wishes.version == OLD


async def test_c1_a_pause_that_another_made_is_not_overwritten_unseen(api: Api) -> None:
    await api.create()
    async with browser(api) as ann, browser(api, name="bob") as bob:
        form = await ann.form(f"{STEER}/pause", reason="mine") | {"step": "do"}
        assert (await bob.do(f"{STEER}/pause", reason="bob's")).status == 200
        resume = await bob.form(f"{STEER}/resume") | {"step": "do"}
        late = await ann.send(f"{STEER}/pause", form)
        assert (late.status, "paused by bob" in late.told("says")) == (409, True)
        assert late.read.fields["reason"] == "mine", "what was typed is kept"
        assert (await ann.send(f"{STEER}/pause", filled(late) | {"step": "do"})).status == 303
        gone = await bob.send(f"{STEER}/resume", resume)
        assert (gone.status, "paused by ann" in gone.told("says")) == (409, True)


@pytest.mark.parametrize("act", ["pause", "start", "policy", "automatic-on", "keep"])
async def test_p15_a_set_that_is_gone_by_now_is_said_to_be(api: Api, act: str) -> None:
    await there(api)
    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/{act}")
        api.store.scale_sets.delete(api.stored().identity.unique_id)
        for step in ("plan", "do"):
            gone = await ann.send(f"{STEER}/{act}", form | {"step": step, "reason": "r"})
            assert (gone.status, "Nothing was done" in gone.text) == (404, True)
            assert refusal(gone)[1].endswith("NotFound")
        for path in (STEER, f"{STEER}/{act}", f"{STEER}/{act}/done"):
            assert (await ann.get(path)).status == 404


async def test_p15_what_the_set_itself_refuses_is_shown_as_the_api_says_it_and_may_be_tried_again(api: Api) -> None:
    await there(api)
    api.gateway.error = ArmError(409, "OperationNotAllowed", "'reimage' is in <progress>.")
    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/start", reason="again") | {"step": "do"}
        refused = await ann.send(f"{STEER}/start", form)
        assert refusal(refused) == (409, "OperationNotAllowed")
        assert "'reimage' is in <progress>." in refused.told("refusal")
        assert refused.read.fields["reason"] == "again"
        assert refused.read.attributes["refusal"]["autofocus"] == ""
        api.gateway.error = None
        assert (await ann.send(f"{STEER}/start", form)).status == 303, "the same form, once more"


async def test_f6_while_the_compute_is_away_the_plan_says_so_and_the_api_decides(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await there(api)

    async def away(*_given: Any) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(SimulatedFleet, "list_instances", away)
    async with browser(api) as ann:
        form = await ann.get(f"{STEER}/start")
        assert (form.status, form.read.attributes["plan-refusal"]["data-code"]) == (200, "ServiceUnavailable")
        assert (await ann.do(f"{STEER}/start")).status == 200
    assert len(api.gateway.sent) == 1


async def test_f6_an_operation_that_failed_says_why_and_one_that_is_unknown_does_not_hide_the_set(api: Api) -> None:
    await there(api)
    async with browser(api) as ann:
        done = await ann.send(f"{STEER}/start", await ann.form(f"{STEER}/start") | {"step": "do"})
        [(_, message)] = api.gateway.sent
        end = api.store.operations.end
        end(message.operation_id, OperationStatus.FAILED, api.clock(), "VersionWithdrawn", "it was <withdrawn>")
        outcome = await ann.follow(done)
        assert outcome.read.attributes["operation"]["data-status"] == "Failed"
        assert "it was <withdrawn>" in outcome.told("operation")
        for operation in ("nobody", "..", "a/b", "x" * 9_000, "\x00"):
            odd = await ann.get(
                str(
                    ann.http.build_request(
                        "GET", f"{STEER}/start/done", params={"location": "w", "operation": operation}
                    ).url
                )
            )
            assert odd.status == 200
            assert odd.told("state")


async def test_t5_a_quarantine_that_was_lifted_meanwhile_is_not_lifted_twice(api: Api) -> None:
    await there(api)
    quarantine(api)
    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/lift") | {"step": "do"}
        quarantine(api, OLD)
        late = await ann.send(f"{STEER}/lift", form)
        assert (late.status, api.gateway.sent) == (409, [])


async def test_whoever_leaves_while_it_is_asked_does_not_end_it_for_the_others() -> None:
    once, may_go, asked = Once(at_most=2), asyncio.Event(), []

    async def ask() -> Answer:
        asked.append(1)
        await may_go.wait()
        return Answer(202)

    first = asyncio.create_task(once.answer("a", ask))
    second = asyncio.create_task(once.answer("a", ask))
    third = asyncio.create_task(once.known("a"))
    await asyncio.sleep(0)
    first.cancel()
    may_go.set()
    assert (await second, await third, asked) == (Answer(202), Answer(202), [1])
    for key in ("b", "c"):
        await once.answer(key, ask)
    assert await once.known("a") is None, "the oldest is forgotten"
    assert await once.known("c") == Answer(202)


async def test_what_was_refused_or_failed_is_not_remembered() -> None:
    once = Once()

    async def refused() -> Answer:
        return Answer(503)

    async def breaks() -> Answer:
        raise unavailable("away")

    assert (await once.answer("a", refused)).status == 503
    assert await once.known("a") is None
    with pytest.raises(ArmError):
        await once.answer("b", breaks)
    assert await once.known("b") is None


async def test_w1_what_is_changed_in_the_very_moment_is_refused_by_the_api_by_its_tag(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    place = f"{SCALE_SET}/instar/rolloutPolicy"
    await api.call("PUT", place, {"properties": {"waves": [1]}})
    ask = Asking.ask

    async def overtaken(self: Asking, method: str, path: str, **more: Any) -> Answer:
        if method == "PUT":
            await api.call("PUT", place, {"properties": {"waves": [2]}})
        return await ask(self, method, path, **more)

    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/policy", document='{"waves": [9]}')
        monkeypatch.setattr(Asking, "ask", overtaken)
        late = await ann.send(f"{STEER}/policy", form | {"step": "do"})
        assert refusal(late) == (412, "PreconditionFailed")
        assert late.read.fields["document"] == '{"waves": [9]}'
    assert (await api.get(place))["properties"]["waves"] == [2]


async def test_p14_what_ends_in_the_very_moment_is_refused_by_the_api_by_its_number(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    run_upgrade(api, 7)
    ask = Asking.ask

    async def overtaken(self: Asking, method: str, path: str, **more: Any) -> Answer:
        if method == "POST":
            run_upgrade(api, 7, UpgradeStatus.COMPLETED)
            run_upgrade(api, 8)
        return await ask(self, method, path, **more)

    async with browser(api) as ann:
        form = await ann.form(f"{STEER}/cancel") | {"step": "do"}
        monkeypatch.setattr(Asking, "ask", overtaken)
        late = await ann.send(f"{STEER}/cancel", form)
        assert (late.status, "upgrade 8 has begun since" in late.told("refusal")) == (409, True)
        assert "Upgrade 8" in late.told("says"), "the form is of what is so now"
    assert all(type(message).__name__ != "CancelUpgrade" for _, message in api.gateway.sent)
