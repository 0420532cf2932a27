"""Hooks and judges asked over real sockets: what is sent, asked again, given up."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from standardwebhooks.webhooks import Webhook as Standard
from temporalio.activity import ActivityCancellationDetails
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities import heartbeats
from activities.outside.hooks import HookActivities
from activities.outside.judges import JudgeActivities
from instar.compute.clock import utc_now
from instar.compute.probing.reach import Address, parsed
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.hooks import Asking, AskJudges, CallHooks, HooksAnswered, JudgesAnswered
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.outside.answers import HookAnswer, HookOutcome, JudgeAnswer, JudgeOutcome
from instar.domain.steering.outside.hooks import Hook, HookPoint, Otherwise
from instar.domain.steering.outside.judges import Judge, JudgeKind
from instar.outbound.allowed import Allowed
from instar.outbound.client import OutboundClient
from instar.outbound.errors import Unanswered
from instar.outbound.questions import Questions
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from instar.store.webhooks.webhooks import Place
from tests.support.http_servers import drip, http, server
from tests.support.outbound import LOOPBACK, client_of
from tests.support.receivers import ALLOWED, DENIED, SECRET, Got, Receiver, receiver
from tests.support.stores import open_store

SET = ScaleSetIdentity(resource_id="/subscriptions/s/web", name="web", unique_id="u", location="here")
ASKING = Asking(scale_set=SET, number=7, kind="osUpgrade", target_version="2.0", batch=3)
SECOND = timedelta(seconds=1)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    store = open_store(tmp_path / "store.sqlite", Sealer.from_file(tmp_path / "keys"))
    yield store
    store.close()


def hook(store: Store, url: str, *, secret: str = SECRET, ids: str = "5", **rules: Any) -> CallHooks:
    return CallHooks(hooks=(one_hook(store, url, secret=secret, **rules),), asking=ASKING, ids=InstanceIds(ranges=ids))


def one_hook(store: Store, url: str, *, secret: str = SECRET, **rules: Any) -> Hook:
    place = store.places.add(Place(url, secret), utc_now())
    return Hook(**{"name": "drain", "at": HookPoint.BEFORE_SWAP, "place": place, "origin": "http://x"} | rules)


def judge(store: Store, url: str, *, secret: str = SECRET, **rules: Any) -> AskJudges:
    place = store.places.add(Place(url, secret), utc_now())
    made = Judge(**{"name": "slo", "place": place, "origin": "http://x"} | rules)
    return AskJudges(judges=(made,), asking=ASKING, occasion="beforeBatch")


def environment(ago: timedelta = timedelta(), *, attempt: int = 1, told: tuple[Any, ...] = ()) -> ActivityEnvironment:
    """Scheduled so long ago, and begun now."""
    env, now = ActivityEnvironment(), utc_now()
    env.info = replace(
        env.info,
        scheduled_time=now - ago,
        current_attempt_scheduled_time=now,
        started_time=now,
        attempt=attempt,
        heartbeat_details=told,
    )
    return env


def hooks_of(store: Store, outbound: OutboundClient | None = None) -> HookActivities:
    return HookActivities(Questions(store.places, outbound or client_of()))


def judges_of(store: Store) -> JudgeActivities:
    return JudgeActivities(Questions(store.places, client_of()), store)


async def all_called(
    store: Store,
    request: CallHooks,
    ago: timedelta = timedelta(),
    outbound: OutboundClient | None = None,
    told: tuple[Any, ...] = (),
) -> HooksAnswered:
    activities = hooks_of(store, outbound)
    answer: HooksAnswered = await environment(ago, told=told).run(activities.call_hooks, request)
    return answer


async def called(
    store: Store, request: CallHooks, ago: timedelta = timedelta(), outbound: OutboundClient | None = None
) -> HookAnswer:
    """What a hook said for its one machine."""
    found = await all_called(store, request, ago, outbound)
    assert found.called == request.ids
    if found.stops:
        return HookAnswer(outcome=HookOutcome.STOPS, reason=found.stops)
    for outcome, those in ((HookOutcome.SKIPS, found.skipped), (HookOutcome.PROCEEDS, found.proceeded)):
        if those:
            [(reason, ids)] = those.items()
            assert ids == request.ids
            assert (found.go_on == request.ids) is (outcome is HookOutcome.PROCEEDS)
            return HookAnswer(outcome=outcome, reason=reason)
    assert found.go_on == request.ids
    return HookAnswer(outcome=HookOutcome.GOES_ON, reason="")


async def asked(store: Store, request: AskJudges, ago: timedelta = timedelta()) -> JudgeAnswer:
    heard: JudgesAnswered = await environment(ago).run(judges_of(store).ask_judges, request)
    [answer] = heard.answers
    return answer


async def test_g1_a_hook_is_a_signed_call_that_says_which_machine(store: Store) -> None:
    async with receiver() as there:
        answer = await called(store, hook(store, there.url))
    assert answer.outcome is HookOutcome.GOES_ON
    [got] = there.got
    body: dict[str, Any] = Standard(SECRET).verify(got.body, got.headers)
    assert body == {
        "id": got.headers["webhook-id"],
        "hook": "drain",
        "at": "beforeSwap",
        "scaleSet": {"id": "/subscriptions/s/web", "name": "web", "location": "here"},
        "upgrade": {"number": 7, "kind": "osUpgrade", "targetVersion": "2.0"},
        "batch": 3,
        "instance": {"id": "5"},
    }


async def test_g1_asked_again_it_has_the_same_id_and_another_machine_another(store: Store) -> None:
    async with receiver() as there:
        request = hook(store, there.url)
        await called(store, request)
        await called(store, request)
        await called(store, request.model_copy(update={"ids": InstanceIds(ranges="6")}))
        closing = request.hooks[0].model_copy(update={"at": HookPoint.AFTER_HEALTHY})
        await called(store, request.model_copy(update={"hooks": (closing,)}))
    first, again, third, fourth = (got.headers["webhook-id"] for got in there.got)
    assert first == again
    assert len({first, third, fourth}) == 3


async def test_g1_202_with_retry_after_is_asked_again(store: Store) -> None:
    answers = iter([(202, "Retry-After: 1\r\n"), (202, "Retry-After: 0\r\n"), (200, "")])
    async with receiver(lambda _got: next(answers)) as there:
        began = time.monotonic()
        answer = await called(store, hook(store, there.url))
    assert answer.outcome is HookOutcome.GOES_ON
    assert len({got.headers["webhook-id"] for got in there.got}) == 1
    assert len(there.got) == 3
    assert 1.9 < time.monotonic() - began < 6


async def test_g1_202_without_a_word_when_to_ask_again_goes_on(store: Store) -> None:
    async with receiver(lambda _got: 202) as there:
        assert (await called(store, hook(store, there.url))).outcome is HookOutcome.GOES_ON


@pytest.mark.parametrize(
    ("otherwise", "outcome"),
    [
        (Otherwise.PROCEED, HookOutcome.PROCEEDS),
        (Otherwise.SKIP, HookOutcome.SKIPS),
        (Otherwise.STOP, HookOutcome.STOPS),
    ],
)
async def test_g1_anything_else_does_what_the_hook_says(
    store: Store, otherwise: Otherwise, outcome: HookOutcome
) -> None:
    async with receiver(lambda _got: 500) as there:
        answer = await called(store, hook(store, there.url, otherwise=otherwise))
    assert answer.outcome is outcome
    assert "answered 500" in answer.reason
    assert len(there.got) == 1


@pytest.mark.parametrize("silent", ["never answers", "drips", "asks again and again"])
async def test_g1_the_time_out_is_for_all_of_it(store: Store, silent: str) -> None:
    began = time.monotonic()
    if silent == "drips":
        async with server(drip) as served:
            request = hook(store, f"http://127.0.0.1:{served.port}/", timeout=2 * SECOND)
            answer = await called(store, request)
    else:
        word = None if silent == "never answers" else (202, "Retry-After: 1\r\n")
        async with receiver(lambda _got: word) as there:
            answer = await called(store, hook(store, there.url, timeout=2 * SECOND))
    assert answer.outcome is HookOutcome.STOPS
    assert "did not say yes within 2 seconds" in answer.reason
    assert time.monotonic() - began < 6


async def test_g1_a_worker_that_was_killed_does_not_lengthen_the_time_out(store: Store) -> None:
    async with receiver(lambda _got: (202, "Retry-After: 60\r\n")) as there:
        began = time.monotonic()
        request = hook(store, there.url)
        since = (utc_now() - timedelta(minutes=6)).isoformat()
        answer = await all_called(
            store, request, told=({"called": {"ranges": "5"}}, {"5": {"hook": 0, "since": since}})
        )
    assert "did not say yes within 5 minutes" in answer.stops
    assert time.monotonic() - began < 3
    assert len(there.got) == 1


class LateNames:
    """A name that is there at the second look."""

    def __init__(self) -> None:
        self.asked = 0

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        del port
        self.asked += 1
        if self.asked == 1:
            raise Unanswered(f"the name {host} could not be resolved")
        return (parsed("127.0.0.1"),)


async def test_g1_what_cannot_be_reached_is_tried_again_within_its_time(store: Store) -> None:
    async with receiver() as there:
        outbound = OutboundClient(LOOPBACK, resolver=LateNames())
        request = hook(store, f"http://receiver.test:{there.port}/")
        assert (await called(store, request, outbound=outbound)).outcome is HookOutcome.GOES_ON


async def test_g4_g1_an_address_that_may_not_be_called_is_not(store: Store) -> None:
    async with receiver() as there:
        outbound = client_of(allowed=Allowed())
        answer = await called(store, hook(store, there.url), outbound=outbound)
    assert answer.outcome is HookOutcome.STOPS
    assert "INSTAR_HOOKS__ALLOW" in answer.reason
    assert there.got == []


async def test_g4_g1_a_name_that_leads_to_this_machine_is_not_called(store: Store) -> None:
    async with receiver() as there:
        outbound = client_of(allowed=Allowed.of(["receiver.test"]))
        answer = await called(store, hook(store, f"http://receiver.test:{there.port}/"), outbound=outbound)
    assert answer.outcome is HookOutcome.STOPS
    assert "INSTAR_HOOKS__ALLOW" in answer.reason
    assert there.got == []


async def test_g4_g1_a_redirect_is_an_answer_like_any_other_and_not_followed(store: Store) -> None:
    async with receiver() as other, receiver(lambda _got: (307, f"Location: {other.url}\r\n")) as there:
        answer = await called(store, hook(store, there.url, otherwise=Otherwise.SKIP))
    assert answer.outcome is HookOutcome.SKIPS
    assert "answered 307" in answer.reason
    assert other.got == []


async def test_g1_a_place_that_is_gone_or_has_no_secret_is_no_yes(store: Store) -> None:
    async with receiver() as there:
        request = hook(store, there.url)
        gone = request.model_copy(update={"hooks": (request.hooks[0].model_copy(update={"place": "nowhere"}),)})
        assert "is not known any more" in (await called(store, gone)).reason
        assert (await called(store, hook(store, there.url, secret="hunter2"))).outcome is HookOutcome.STOPS
        assert "hunter2" not in (await called(store, hook(store, there.url, secret="hunter2"))).reason
    assert there.got == []


async def test_g4_no_url_and_no_secret_is_in_a_request_or_an_answer(store: Store) -> None:
    async with receiver(lambda _got: 500) as there:
        request = hook(store, there.url)
        answer = await called(store, request)
    told = request.model_dump_json() + answer.model_dump_json()
    assert "hunter2" not in told
    assert SECRET not in told


async def until(so: Callable[[], bool]) -> None:
    for _ in range(200):
        if so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to that")


async def test_g1_it_beats_while_it_waits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "FIRST_SECONDS", 0.5)
    beats = list[float]()
    async with receiver(lambda _got: None) as there:
        env = environment()
        env.on_heartbeat = lambda *_: beats.append(time.monotonic())
        request = hook(store, there.url, timeout=3 * SECOND)
        await env.run(hooks_of(store).call_hooks, request)
    assert len(beats) >= 2


async def test_g1_a_cancel_ends_it_at_once_and_who_was_called_is_told(store: Store) -> None:
    async with receiver(lambda got: 200 if got.event["instance"]["id"] == "5" else None) as there:
        env = environment()
        running = asyncio.create_task(env.run(hooks_of(store).call_hooks, hook(store, there.url, ids="5-7")))
        await until(lambda: len(there.got) == 3)
        env.cancel()
        found: HooksAnswered = await asyncio.wait_for(running, 3)
    assert (found.called.ranges, found.go_on.ranges, found.stops) == ("5-7", "5", "")


async def test_g1_a_worker_that_stops_tells_its_successor_and_no_one_else(store: Store) -> None:
    beats = list[Any]()
    async with receiver(lambda got: 200 if got.event["instance"]["id"] == "5" else None) as there:
        env, request = environment(), hook(store, there.url, ids="5-6")
        env.on_heartbeat = lambda *details: beats.append(details)
        running = asyncio.create_task(env.run(hooks_of(store).call_hooks, request))
        await until(lambda: len(there.got) == 2 and bool(there.taken))
        await asyncio.sleep(0.3)
        env.cancel(ActivityCancellationDetails(worker_shutdown=True))
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 3)
        heard, begun = beats[-1]
        assert (heard.called.ranges, heard.go_on.ranges, list(begun)) == ("5-6", "5", ["6"])
        there.answers = lambda _got: 200
        told = (heard.model_dump(), {one: what.model_dump() for one, what in begun.items()})
        assert (await all_called(store, request, told=told)).go_on.ranges == "5-6"
    assert [got.event["instance"]["id"] for got in there.got].count("5") == 1


async def test_g1_a_worker_that_takes_over_goes_on_at_the_hook_where_a_machine_was(store: Store) -> None:
    async with receiver() as there:
        hooks = (one_hook(store, there.url, name="silence"), one_hook(store, there.url))
        request = CallHooks(hooks=hooks, asking=ASKING, ids=InstanceIds(ranges="5"))
        told = ({"called": {"ranges": "5"}}, {"5": {"hook": 1, "since": utc_now().isoformat()}})
        assert (await all_called(store, request, told=told)).go_on.ranges == "5"
        assert [got.event["hook"] for got in there.got] == ["drain"]
        nonsense: tuple[Any, ...] = ({"called": 7}, [])
        assert (await all_called(store, request, told=nonsense)).go_on.ranges == "5"


async def test_g1_several_hooks_are_called_one_after_the_other_and_a_skip_is_the_last(store: Store) -> None:
    def answers(got: Got) -> int:
        return 500 if (got.event["hook"], got.event["instance"]["id"]) == ("silence", "6") else 200

    async with receiver(answers) as there:
        first = one_hook(store, there.url, name="silence", otherwise=Otherwise.SKIP)
        request = CallHooks(hooks=(first, one_hook(store, there.url)), asking=ASKING, ids=InstanceIds(ranges="5-6"))
        found = await all_called(store, request)
    assert found.go_on.ranges == "5"
    assert [ids.ranges for ids in found.skipped.values()] == ["6"]
    order = [(got.event["hook"], got.event["instance"]["id"]) for got in there.got]
    assert order.index(("silence", "5")) < order.index(("drain", "5"))
    assert ("drain", "6") not in order


async def test_g1_a_stop_ends_the_calls_of_opening_hooks_and_not_those_of_closing_ones(store: Store) -> None:
    async with receiver(lambda got: 500 if got.event["instance"]["id"] == "5" else None) as there:
        opening = hook(store, there.url, ids="5-8", timeout=600 * SECOND)
        found = await asyncio.wait_for(all_called(store, opening), 5)
        assert "answered 500" in found.stops
        assert found.called.ranges == "5-8"
        there.got.clear()
        there.answers = lambda got: 500 if got.event["instance"]["id"] == "5" else 200
        closing = hook(store, there.url, ids="5-8", at=HookPoint.AFTER_HEALTHY)
        why = {"rolledBack": InstanceIds(ranges="7")}
        found = await all_called(store, closing.model_copy(update={"why": why}))
    assert "answered 500" in found.stops
    assert found.go_on.ranges == "5-8"
    assert {got.event["instance"]["id"]: got.event.get("why") for got in there.got} == {
        "5": None, "6": None, "7": "rolledBack", "8": None,
    }  # fmt: skip


async def test_g1_a_batch_is_called_fifty_at_once_and_those_that_wait_take_no_place(store: Store) -> None:
    asked_before = set[str]()
    at_once, most = 0, 0

    def answers(got: Got) -> tuple[int, str] | int:
        machine = got.event["instance"]["id"]
        if machine in asked_before:
            return 200
        asked_before.add(machine)
        return (202, "Retry-After: 2\r\n")

    async with receiver(answers) as there:
        inner = client_of().call

        async def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            try:
                return await inner(*args, **kwargs)
            finally:
                at_once -= 1

        outbound = client_of()
        outbound.call = counted  # type: ignore[method-assign]
        found = await all_called(store, hook(store, there.url, ids="1-120"), outbound=outbound)
    assert found.go_on.ranges == "1-120"
    assert len(there.got) == 240
    assert most == 50


async def test_g1_where_nothing_depends_on_them_all_are_called_once_at_least_and_nobody_is_waited_for(
    store: Store,
) -> None:
    async with receiver(lambda _got: (202, "Retry-After: 60\r\n")) as there:
        request = hook(store, there.url, ids="1-60", at=HookPoint.AFTER_HEALTHY)
        began = time.monotonic()
        await all_called(store, request.model_copy(update={"at_most": SECOND}))
    assert time.monotonic() - began < 20
    assert {got.event["instance"]["id"] for got in there.got} == {str(one) for one in range(1, 61)}


def said(body: Any, status: int = 200) -> bytes:
    return http(status, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "outcome", "words"),
    [
        ({"allowed": True}, JudgeOutcome.YES, "says yes"),
        ({"allowed": True, "reason": "all green"}, JudgeOutcome.YES, "says yes: all green"),
        ({"allowed": False, "reason": "burning\x1b[8m"}, JudgeOutcome.NO, "says no: burning\\x1b[8m"),
    ],
)
async def test_g2_a_judge_says_yes_or_no_and_why(store: Store, body: Any, outcome: JudgeOutcome, words: str) -> None:
    async with server(said(body)) as served:
        answer = await asked(store, judge(store, f"http://127.0.0.1:{served.port}/"))
    assert answer.outcome is outcome
    assert answer.reason.endswith(words)


@pytest.mark.parametrize(
    "answer",
    [
        said({}),
        said({"allowed": "true"}),
        said({"allowed": 1}),
        said([True]),
        said(b"yes"),
        said(b"[" * 100_000),
        said({"allowed": True}, 500),
        said({"allowed": True}, 302),
        said({"allowed": True}, 202),
        http(204),
        said(b"x" * 1_000_001),
        b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"allowed": true}',
        b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{"allowed": true}',
        b'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 17\r\n\r\n{"allowed": true}',
    ],
    ids=range(14),
)
async def test_g2_what_is_no_clear_yes_is_none_once_its_time_is_over(store: Store, answer: bytes) -> None:
    async with server(answer) as served:
        request = judge(store, f"http://127.0.0.1:{served.port}/", timeout=SECOND)
        found = await asked(store, request, ago=timedelta(minutes=1))
    assert found.outcome is JudgeOutcome.UNKNOWN
    assert "could not be asked within 1 second" in found.reason


async def test_g2_a_judge_that_is_away_for_a_moment_is_asked_again(store: Store) -> None:
    async with server(http(503), said(b"no json"), said({"allowed": True})) as served:
        found = await asked(store, judge(store, f"http://127.0.0.1:{served.port}/", timeout=60 * SECOND))
    assert found.outcome is JudgeOutcome.YES
    assert len(served.requests) == 3


PROMETHEUS: dict[str, Any] = {"kind": JudgeKind.PROMETHEUS, "query": 'up{job="web"}', "condition": "> 0.99"}


def vector(*samples: str) -> bytes:
    series = [{"metric": {}, "value": [1.5, one]} for one in samples]
    return said({"status": "success", "data": {"resultType": "vector", "result": series}})


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (vector("1"), JudgeOutcome.YES),
        (vector("1", "0.995"), JudgeOutcome.YES),
        (vector("1", "0.99"), JudgeOutcome.NO),
        (vector("NaN"), JudgeOutcome.NO),
        (vector(), JudgeOutcome.NO),
        (vector("+Inf"), JudgeOutcome.YES),
        (said({"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}), JudgeOutcome.YES),
    ],
    ids=range(7),
)
async def test_g2_every_series_must_meet_the_condition(store: Store, answer: bytes, outcome: JudgeOutcome) -> None:
    async with server(answer) as served:
        found = await asked(store, judge(store, f"http://127.0.0.1:{served.port}/prefix/", secret="", **PROMETHEUS))
    assert found.outcome is outcome
    assert served.requests[0].startswith(b"POST /prefix/api/v1/query HTTP/1.1\r\n")
    assert b"authorization" not in served.requests[0].lower()


@pytest.mark.parametrize(
    "answer",
    [
        said({"status": "error", "error": "parse error"}),
        said({"status": "success", "data": {"resultType": "matrix", "result": []}}),
        said({"status": "success", "data": {"resultType": "vector", "result": [{"value": 1}]}}),
        said({"status": "success", "data": {"resultType": "vector", "result": [7]}}),
        said({"status": "success", "data": {"resultType": "vector", "result": [{"value": [1, "many"]}]}}),
        said({"status": "success"}),
        said([]),
        said({"status": "success", "data": {"resultType": "vector", "result": []}}, 400),
    ],
    ids=range(8),
)
async def test_g2_what_prometheus_cannot_answer_is_no_yes(store: Store, answer: bytes) -> None:
    async with server(answer) as served:
        request = judge(store, f"http://127.0.0.1:{served.port}", timeout=SECOND, **PROMETHEUS)
        found = await asked(store, request, ago=timedelta(minutes=1))
    assert found.outcome is JudgeOutcome.UNKNOWN


async def test_g2_prometheus_gets_the_query_and_the_token(store: Store) -> None:
    async with receiver(lambda _got: 400) as there:
        request = judge(store, f"http://127.0.0.1:{there.port}", secret="hunter2", timeout=SECOND, **PROMETHEUS)
        found = await asked(store, request, ago=timedelta(minutes=1))
    [got] = there.got
    assert parse_qs(got.body.decode()) == {"query": ['up{job="web"}']}
    assert got.headers["authorization"] == "Bearer hunter2"
    assert "hunter2" not in found.reason


def waiting_for(store: Store, there: Receiver, **rules: Any) -> AskJudges:
    return judge(store, there.url, **rules).model_copy(update={"because": "judge slo says no"})


async def test_g2_who_waits_for_a_yes_asks_nobody_at_first_and_then_each_time_anew(store: Store) -> None:
    async with receiver(lambda _got: ALLOWED if len(there.got) > 1 else DENIED) as there:
        request = waiting_for(store, there)
        for attempt in (1, 2):
            with pytest.raises(ApplicationError) as caught:
                await environment(attempt=attempt).run(judges_of(store).until_yes, request)
            assert caught.value.category is ApplicationErrorCategory.BENIGN
            assert len(there.got) == attempt - 1
        heard = await environment(attempt=3).run(judges_of(store).until_yes, request)
    assert [one.outcome for one in heard.answers] == [JudgeOutcome.YES]
    assert len({got.headers["webhook-id"] for got in there.got}) == 2, "each question has its own id"


async def test_g2_in_a_bake_a_yes_is_asked_for_again_and_a_no_ends_it(store: Store) -> None:
    async with receiver(lambda _got: ALLOWED if len(there.got) == 1 else DENIED) as there:
        request = judge(store, there.url)
        with pytest.raises(ApplicationError):
            await environment().run(judges_of(store).until_no, request)
        heard = await environment(attempt=2).run(judges_of(store).until_no, request)
    assert [one.outcome for one in heard.answers] == [JudgeOutcome.NO]


async def test_g2_a_judge_that_is_gone_in_a_bake_is_a_no_once_its_time_is_over(store: Store) -> None:
    request = judge(store, "http://127.0.0.1:1/", timeout=SECOND)
    heard = await environment().run(judges_of(store).until_no, request)
    assert [one.outcome for one in heard.answers] == [JudgeOutcome.UNKNOWN]


async def test_g2_all_judges_are_asked_at_once_and_answer_in_their_order(store: Store) -> None:
    async with receiver(lambda got: ALLOWED if got.event["judge"] == "slo" else DENIED) as there:
        first, second = judge(store, there.url), judge(store, there.url, name="chaos")
        both = first.model_copy(update={"judges": first.judges + second.judges})
        heard = await environment().run(judges_of(store).ask_judges, both)
    assert [one.outcome for one in heard.answers] == [JudgeOutcome.YES, JudgeOutcome.NO]
    event = there.got[0].event
    assert (event["occasion"], event["batch"], event["upgrade"]["number"]) == ("beforeBatch", 3, 7)
