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
from temporalio.testing import ActivityEnvironment

from activities.outside.questions import QuestionActivities
from instar.compute.clock import utc_now
from instar.compute.probing.reach import Address, parsed
from instar.domain.messages.hooks import Asking, AskJudge, CallHook
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.answers import HookAnswer, HookOutcome, JudgeAnswer, JudgeOutcome
from instar.domain.steering.hooks import Hook, HookPoint, Otherwise
from instar.domain.steering.judges import Judge, JudgeKind
from instar.outbound.allowed import Allowed
from instar.outbound.client import OutboundClient
from instar.outbound.errors import Unanswered
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from instar.store.webhooks.webhooks import Place
from tests.support.http_servers import drip, http, server
from tests.support.outbound import LOOPBACK, client_of
from tests.support.receivers import SECRET, receiver
from tests.support.stores import open_store

SET = ScaleSetIdentity(resource_id="/subscriptions/s/web", name="web", unique_id="u", location="here")
ASKING = Asking(scale_set=SET, number=7, kind="osUpgrade", target_version="2.0", batch=3)
OF_MACHINE = ASKING.model_copy(update={"instance_id": "5"})
SECOND = timedelta(seconds=1)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    store = open_store(tmp_path / "store.sqlite", Sealer.from_file(tmp_path / "keys"))
    yield store
    store.close()


def hook(store: Store, url: str, *, secret: str = SECRET, **rules: Any) -> CallHook:
    place = store.places.add(Place(url, secret), utc_now())
    made = Hook(**{"name": "drain", "at": HookPoint.BEFORE_SWAP, "place": place, "origin": "http://x"} | rules)
    return CallHook(hook=made, asking=OF_MACHINE)


def judge(store: Store, url: str, *, secret: str = SECRET, **rules: Any) -> AskJudge:
    place = store.places.add(Place(url, secret), utc_now())
    made = Judge(**{"name": "slo", "place": place, "origin": "http://x"} | rules)
    return AskJudge(judge=made, asking=ASKING, occasion="batch 3")


def environment(scheduled_ago: timedelta = timedelta()) -> ActivityEnvironment:
    env = ActivityEnvironment()
    env.info = replace(env.info, scheduled_time=utc_now() - scheduled_ago)
    return env


async def called(
    store: Store, request: CallHook, ago: timedelta = timedelta(), outbound: OutboundClient | None = None
) -> HookAnswer:
    activities = QuestionActivities(store, outbound or client_of())
    answer: HookAnswer = await environment(ago).run(activities.call_hook, request)
    return answer


async def asked(store: Store, request: AskJudge, ago: timedelta = timedelta()) -> JudgeAnswer:
    answer: JudgeAnswer = await environment(ago).run(QuestionActivities(store, client_of()).ask_judge, request)
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
        other = request.model_copy(update={"asking": ASKING.model_copy(update={"instance_id": "6"})})
        await called(store, other)
        closing = request.hook.model_copy(update={"at": HookPoint.AFTER_HEALTHY})
        await called(store, request.model_copy(update={"hook": closing}))
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
        answer = await called(store, hook(store, there.url), ago=timedelta(minutes=6))
    assert answer.outcome is HookOutcome.STOPS
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


async def test_g1_a_place_that_is_gone_or_has_no_secret_is_no_yes(store: Store) -> None:
    async with receiver() as there:
        request = hook(store, there.url)
        gone = request.model_copy(update={"hook": request.hook.model_copy(update={"place": "nowhere"})})
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


async def test_g1_it_beats_while_it_waits(store: Store) -> None:
    beats = list[float]()
    async with receiver(lambda _got: None) as there:
        env = environment()
        env.on_heartbeat = lambda *_: beats.append(time.monotonic())
        request = hook(store, there.url, timeout=3 * SECOND)
        await env.run(QuestionActivities(store, client_of()).call_hook, request)
    assert len(beats) >= 2


async def test_g1_a_cancel_ends_it_at_once(store: Store) -> None:
    async with receiver(lambda _got: None) as there:
        env = environment()
        running = asyncio.create_task(env.run(QuestionActivities(store, client_of()).call_hook, hook(store, there.url)))
        await until(lambda: bool(there.got))
        env.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 3)


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
    ],
    ids=range(11),
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
