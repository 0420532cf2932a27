"""Temporal's server, played in one thread and in virtual time, for the workflows and activities of Instar as they are.

It plays what they use of it: timers, activities with their retries and cancellations, signals, updates, children,
patches, continue-as-new. One thing happens after the other, in the order of their moments, the same at each run. A kill
makes every workflow anew from its history, and says so where that leads elsewhere.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from tests.simulation.acting import Activities
from tests.simulation.execution import Answer, Execution

AT_ONE_MOMENT = 20_000
"""Things that happen one after the other without time passing; more, and something asks itself for ever."""


class Livelock(AssertionError):
    """Something goes round and round while no time passes."""


@dataclass(eq=False)
class Engine:
    """`now` is the time of everything in it."""

    now: datetime
    workflows: Sequence[type]
    chance: Random = field(default_factory=lambda: Random(1))
    executions: dict[str, Execution] = field(default_factory=dict)
    """The newest run of each workflow."""
    activities: Activities = field(init=False)
    away_until: datetime | None = None
    """Until then no worker is there: what is due waits."""
    _due: list[tuple[datetime, int, bool, Callable[[], None]]] = field(default_factory=list)
    _number: Any = field(default_factory=count)

    def __post_init__(self) -> None:
        self.activities = Activities(self, client=_AsClient(self))
        found = (workflow._Definition.must_from_class(one) for one in self.workflows)
        self._definitions = {one.name: one for one in found}

    def close(self) -> None:
        """Leave no task of a workflow behind."""
        for one in self.executions.values():
            one.close(one.status or "TERMINATED")
        self.activities.close()

    # --- time --------------------------------------------------------------------------------------------------------

    def at(self, moment: datetime, do: Callable[[], None], *, outside: bool = False) -> None:
        """Have it done then; what comes from `outside` waits for no worker."""
        heapq.heappush(self._due, (moment, next(self._number), outside, do))

    def soon(self, do: Callable[[], None]) -> None:
        """Have it done at this moment, after what is under way."""
        self.at(self.now, do)

    def run(self, until: datetime, stop: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, to that moment or until `stop` says so. Raises Livelock."""
        since, happened = self.now, 0
        while self._due and self._due[0][0] <= until:
            if stop():
                return
            moment, number, outside, do = heapq.heappop(self._due)
            if self.away_until and moment < self.away_until and not outside:
                heapq.heappush(self._due, (self.away_until, number, outside, do))
                continue
            self.now = max(self.now, moment)
            since, happened = (since, happened + 1) if since == self.now else (self.now, 0)
            if happened > AT_ONE_MOMENT:
                raise Livelock(f"at {self.now}")
            do()
        if not stop():
            self.now = max(self.now, until)

    def kill(self, away: timedelta = timedelta(0)) -> None:
        """Every worker dies, and nobody works for that long. Raises Nondeterminism."""
        self.away_until = self.now + away
        self.activities.killed()
        for one in list(self.executions.values()):
            one.replay()

    # --- what a client does ------------------------------------------------------------------------------------------

    def start(self, workflow_id: str, name: str, argument: Any) -> Execution:
        """Start a workflow, unless it runs."""
        there = self.executions.get(workflow_id)
        if there is not None and not there.status:
            return there
        made = self.execution(workflow_id, name, _payloads(argument))
        made.begin()
        return made

    def signal(self, workflow_id: str, name: str, *arguments: Any) -> bool:
        """Whether anybody was there to hear it."""
        there = self.executions.get(workflow_id)
        if there is None or there.status:
            return False
        self.soon(lambda: self.executions[workflow_id].signal(name, *_payloads(*arguments)))
        return True

    def update(self, workflow_id: str, name: str, update_id: str, argument: Any) -> Answer:
        """What became of it at this moment."""
        return self.executions[workflow_id].update(name, update_id, *_payloads(argument))

    # --- runs --------------------------------------------------------------------------------------------------------

    def execution(
        self, workflow_id: str, name: str, arguments: Sequence[Payload], parent: tuple[Execution, int] | None = None
    ) -> Execution:
        """A run that has not begun."""
        run_id = f"run-{next(self._number)}"
        made = Execution(self, workflow_id, run_id, self._definitions[name], list(arguments), parent)
        self.executions[workflow_id] = made
        return made

    def continue_as_new(self, ended: Execution, arguments: Sequence[Payload]) -> None:
        """The next run of the same workflow; whoever waits for its end waits for this one's."""
        self.execution(ended.workflow_id, ended.defn.name, arguments, ended.parent).begin()


@dataclass(frozen=True)
class _AsClient:
    """As much of a client as activities ask for: how a workflow stands (F1), words to it, keepers begun (W4, W5)."""

    engine: Engine

    def get_workflow_handle(self, workflow_id: str) -> "_AsHandle":
        return _AsHandle(self.engine, workflow_id)

    async def start_workflow(self, name: str, argument: Any, **more: Any) -> None:
        """Begin it after what is under way, unless it runs."""

        def begin() -> None:
            self.engine.start(more["id"], name, argument)
            if signal := more.get("start_signal"):
                self.engine.signal(more["id"], signal)

        self.engine.soon(begin)


@dataclass(frozen=True)
class _AsHandle:
    engine: Engine
    workflow_id: str

    async def describe(self, **_: Any) -> "_AsDescription":
        there = self._there()
        return _AsDescription(WorkflowExecutionStatus[there.status or "RUNNING"])

    async def signal(self, name: str, *, args: Sequence[Any] = (), **_: Any) -> None:
        self._there()
        self.engine.signal(self.workflow_id, name, *args)

    def _there(self) -> Execution:
        there = self.engine.executions.get(self.workflow_id)
        if there is None:
            raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
        return there


@dataclass(frozen=True)
class _AsDescription:
    status: WorkflowExecutionStatus


def _payloads(*arguments: Any) -> list[Payload]:
    return pydantic_data_converter.payload_converter.to_payloads(arguments) if arguments else []
