"""Activities of the played server: each is run to its end at one moment, tried again by its policy, told of later."""

import asyncio
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from temporalio.api.common.v1 import ActivityType, Payload
from temporalio.api.failure.v1 import ActivityFailureInfo, CanceledFailureInfo, Failure
from temporalio.bridge.proto.activity_result import ActivityResolution, Cancellation, Success
from temporalio.bridge.proto.activity_result import Failure as Failed
from temporalio.bridge.proto.workflow_commands import ActivityCancellationType, ScheduleActivity
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

if TYPE_CHECKING:
    from tests.simulation.engine import Engine
    from tests.simulation.execution import Execution

WAITS_FOR_ITS_END = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED


@dataclass(frozen=True)
class Deed:
    """One attempt at an activity, as the engine saw it: a witness beside the store and the flight recorder."""

    at: datetime
    workflow_id: str
    name: str
    attempt: int
    asked: Any
    answer: Any = None
    error: str = ""


@dataclass(eq=False)
class _Pending:
    execution: "Execution"
    asked: ScheduleActivity
    arguments: list[Any]
    scheduled: datetime
    attempt: int = 1
    is_over: bool = False
    runs: bool = False
    """Between its attempt and the moment at which that is told."""
    turn: int = 0
    """Counts what was planned for it, so that what was planned before a kill is not done."""


@dataclass(eq=False)
class Activities:
    """Those that are registered, and those under way."""

    engine: "Engine"
    takes: Callable[[], timedelta] = timedelta
    """From an attempt to the moment at which its workflow hears of it."""
    lost_after: timedelta = timedelta(seconds=10)
    """How long after its worker's death an attempt is made again."""
    deeds: list[Deed] = field(default_factory=list)
    client: Any = None
    _known: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    _pending: dict[tuple[str, int], _Pending] = field(default_factory=dict)
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def register(self, *owners: object) -> None:
        """Every activity of these objects."""
        for owner in owners:
            for name in dir(type(owner)):
                method = getattr(owner, name)
                if definition := getattr(method, "__temporal_activity_definition", None):
                    self._known[definition.name] = (method, definition)

    def run(self, coroutine: Any) -> Any:
        """What comes of it, in the loop in which activities run."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        self._runner.close()

    # --- as the server sees them -------------------------------------------------------------------------------------

    def schedule(self, execution: "Execution", asked: ScheduleActivity) -> None:
        _, definition = self._known[asked.activity_type]
        arguments = _values(list(asked.arguments), definition.arg_types)
        one = self._pending[execution.run_id, asked.seq] = _Pending(execution, asked, arguments, self.engine.now)
        self._plan(one, timedelta(0), lambda: self._attempt(one))

    def cancel(self, execution: "Execution", seq: int) -> None:
        """Between two attempts it ends at once; under way, as its kind of cancellation says."""
        one = self._pending.get((execution.run_id, seq))
        if one is None or one.is_over or (one.runs and one.asked.cancellation_type == WAITS_FOR_ITS_END):
            return
        failure = _of_activity(one, Failure(message="cancelled", canceled_failure_info=CanceledFailureInfo()))
        self._plan(
            one, timedelta(0), lambda: self._end(one, ActivityResolution(cancelled=Cancellation(failure=failure)))
        )

    def killed(self) -> None:
        """Every worker died: what was under way is begun again once the server has noticed."""
        for one in list(self._pending.values()):
            if one.runs and not one.is_over:
                one.runs = False
                one.attempt += 1
                self._plan(one, self.lost_after, partial(self._attempt, one))

    # --- attempts ----------------------------------------------------------------------------------------------------

    def _plan(self, one: _Pending, after: timedelta, what: Callable[[], None]) -> None:
        one.turn += 1
        turn = one.turn

        def do() -> None:
            if one.turn == turn and not one.is_over:
                what()

        self.engine.at(self.engine.now + after, do)

    def _attempt(self, one: _Pending) -> None:
        if one.execution.status:
            one.is_over = True
            return
        name, at = one.asked.activity_type, self.engine.now
        method, _ = self._known[name]
        environment = ActivityEnvironment(client=self.client)
        environment.info = dataclasses.replace(
            environment.info,
            activity_id=one.asked.activity_id,
            activity_type=name,
            attempt=one.attempt,
            scheduled_time=one.scheduled,
            current_attempt_scheduled_time=at,
            started_time=at,
            workflow_id=one.execution.workflow_id,
            workflow_run_id=one.execution.run_id,
        )
        one.runs = True
        try:
            answer = self._runner.run(_done(environment, method, one.arguments))
        except Exception as error:  # noqa: BLE001  # whatever an activity raises is what the server is told
            self.deeds.append(
                Deed(at, one.execution.workflow_id, name, one.attempt, one.arguments[0], error=type(error).__name__)
            )
            self._failed(one, error)
            return
        self.deeds.append(Deed(at, one.execution.workflow_id, name, one.attempt, one.arguments[0], answer))
        [payload] = pydantic_data_converter.payload_converter.to_payloads([answer])
        done = ActivityResolution(completed=Success(result=payload))
        self._plan(one, self.takes(), lambda: self._end(one, done))

    def _failed(self, one: _Pending, error: Exception) -> None:
        policy = one.asked.retry_policy
        final = isinstance(error, ApplicationError) and error.non_retryable
        if final or 0 < policy.maximum_attempts <= one.attempt:
            cause = Failure()
            converter = pydantic_data_converter
            converter.failure_converter.to_failure(error, converter.payload_converter, cause)
            failed = ActivityResolution(failed=Failed(failure=_of_activity(one, cause)))
            self._plan(one, self.takes(), lambda: self._end(one, failed))
            return
        first = policy.initial_interval.ToTimedelta() or timedelta(seconds=1)
        most = policy.maximum_interval.ToTimedelta() or 100 * first
        pause = min(first * (policy.backoff_coefficient or 2.0) ** min(one.attempt - 1, 30), most)
        if isinstance(error, ApplicationError) and error.next_retry_delay is not None:
            pause = error.next_retry_delay
        one.attempt += 1
        one.runs = False
        self._plan(one, pause, lambda: self._attempt(one))

    def _end(self, one: _Pending, resolution: ActivityResolution) -> None:
        one.is_over = True
        self._pending.pop((one.execution.run_id, one.asked.seq), None)
        one.execution.activity_ended(one.asked.seq, resolution)


async def _done(environment: ActivityEnvironment, method: Any, arguments: list[Any]) -> Any:
    return await environment.run(method, *arguments)


def _values(payloads: list[Payload], types: Any) -> list[Any]:
    return pydantic_data_converter.payload_converter.from_payloads(payloads, types)


def _of_activity(one: _Pending, cause: Failure) -> Failure:
    kind = ActivityType(name=one.asked.activity_type)
    about = ActivityFailureInfo(activity_id=one.asked.activity_id, activity_type=kind)
    return Failure(message="Activity task failed", cause=cause, activity_failure_info=about)
