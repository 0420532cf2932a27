"""The played server does as Temporal's: what it plays, and that it says so when a workflow is not deterministic."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from tests.simulation.engine import Engine, Livelock
from tests.simulation.execution import Nondeterminism

NOON = datetime(2026, 12, 4, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
OUTSIDE = {"fickle": 0}
"""What no workflow ought to look at."""


@dataclass
class Works:
    failures: int = 0
    attempts: list[int] = field(default_factory=list)

    @activity.defn(name="works")
    async def works(self, what: str) -> str:
        self.attempts.append(activity.info().attempt)
        if what == "never":
            raise ApplicationError("never", non_retryable=True)
        if len(self.attempts) <= self.failures:
            raise ApplicationError("not yet")
        return what.upper()


@workflow.defn(name="Plain", sandboxed=False)
class Plain:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.run
    async def run(self, wish: str) -> list[str]:
        if wish == "fickle":
            await workflow.sleep(HOUR * (1 + OUTSIDE["fickle"]))
        if wish == "patched":
            self.heard.append(str(workflow.patched("new")))
            await workflow.sleep(HOUR)
        try:
            await workflow.wait_condition(lambda: bool(self.heard), timeout=HOUR)
        except TimeoutError:
            self.heard.append("nobody")
        try:
            answer: str = await workflow.execute_activity(
                "works",
                wish,
                start_to_close_timeout=HOUR,
                retry_policy=RetryPolicy(initial_interval=SECOND, backoff_coefficient=2),
            )
        except ActivityError as error:
            answer = str(error.cause)
        return [*self.heard, answer, str((workflow.now() - workflow.info().start_time).total_seconds())]

    @workflow.signal
    def hear(self, word: str) -> None:
        self.heard.append(word)

    @workflow.update
    async def ask(self, word: str) -> str:
        if word == "no":
            raise ApplicationError("refused")
        self.heard.append(word)
        return word


@workflow.defn(name="Parent", sandboxed=False)
class Parent:
    @workflow.run
    async def run(self, wish: str) -> list[str]:
        child = await workflow.start_child_workflow(Plain.run, wish, id="child")
        await workflow.get_external_workflow_handle("child").signal("hear", "from its parent")
        return await child


def played(wish: str, works: Works | None = None, name: str = "Plain") -> Engine:
    engine = Engine(NOON, (Plain, Parent))
    engine.activities.register(works or Works())
    engine.start("it", name, wish)
    return engine


def result(engine: Engine) -> str:
    ended = engine.executions["it"]
    assert ended.status == "COMPLETED"
    assert ended.result is not None
    text = ended.result.data.decode()
    engine.close()
    return text


def test_a_timer_fires_at_its_moment_and_no_sooner() -> None:
    engine = played("hello")
    engine.run(NOON + HOUR - SECOND)
    assert not engine.executions["it"].status
    engine.run(NOON + HOUR)
    assert result(engine) == '["nobody","HELLO","3600.0"]'


def test_a_signal_and_an_update_arrive_at_once_and_one_asked_twice_is_one() -> None:
    engine = played("hello")
    assert engine.update("it", "ask", "1", "no").refusal == "refused"
    assert engine.update("it", "ask", "2", "yes").accepted
    assert engine.update("it", "ask", "2", "yes").done
    engine.run(NOON + SECOND)
    assert result(engine) == '["yes","HELLO","0.0"]'
    assert not engine.signal("it", "hear", "late")


def test_a_failed_attempt_is_made_again_with_growing_pauses_and_a_final_one_is_not() -> None:
    works = Works(failures=3)
    engine = played("hello", works)
    engine.signal("it", "hear", "x")
    engine.run(NOON + HOUR)
    assert works.attempts == [1, 2, 3, 4]
    assert result(engine) == '["x","HELLO","7.0"]'
    engine = played("never")
    engine.signal("it", "hear", "x")
    engine.run(NOON + HOUR)
    assert result(engine) == '["x","never","0.0"]'


def test_a_kill_replays_everything_and_what_was_under_way_is_begun_again() -> None:
    works = Works()
    engine = played("hello", works)
    engine.activities.takes = lambda: 5 * SECOND
    engine.signal("it", "hear", "x")
    engine.run(NOON + SECOND)
    engine.kill(timedelta(minutes=1))
    engine.run(NOON + HOUR)
    assert works.attempts == [1, 2]
    assert result(engine) == '["x","HELLO","66.0"]'


def test_a_workflow_that_is_not_the_same_when_it_is_replayed_is_found() -> None:
    engine = played("fickle")
    OUTSIDE["fickle"] = 1
    try:
        with pytest.raises(Nondeterminism, match="task 1 of 1"):
            engine.kill()
    finally:
        OUTSIDE["fickle"] = 0
        engine.close()


def test_a_patch_is_remembered_over_a_kill() -> None:
    engine = played("patched")
    engine.run(NOON + SECOND)
    engine.kill()
    engine.run(NOON + 2 * HOUR)
    assert result(engine) == '["True","PATCHED","3600.0"]'


def test_a_child_is_started_signalled_and_waited_for() -> None:
    engine = played("hello", name="Parent")
    engine.run(NOON + SECOND)
    assert result(engine) == '["from its parent","HELLO","0.0"]'


def test_what_goes_round_while_no_time_passes_is_found() -> None:
    engine = Engine(NOON, ())

    def again() -> None:
        engine.soon(again)

    again()
    with pytest.raises(Livelock):
        engine.run(NOON + HOUR)
    engine.close()


def test_a_thread_that_is_not_patched_still_works() -> None:
    """Outside of a scene activities may use threads: the engine waits for them."""

    class Threads:
        @activity.defn(name="works")
        async def works(self, what: str) -> str:
            return await asyncio.to_thread(what.title)

    engine = Engine(NOON, (Plain,))
    engine.activities.register(Threads())
    engine.start("it", "Plain", "hello")
    engine.signal("it", "hear", "x")
    engine.run(NOON + SECOND)
    assert result(engine) == '["x","Hello","0.0"]'
