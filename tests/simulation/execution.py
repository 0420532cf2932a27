"""One run of a workflow: the SDK's own instance of it, given activations as the SDK's core gives them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration
from temporalio import workflow
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.bridge.proto.child_workflow import ChildWorkflowResult, StartChildWorkflowExecutionFailedCause, Success
from temporalio.bridge.proto.child_workflow import Failure as ChildFailed
from temporalio.bridge.proto.workflow_activation import (
    DoUpdate,
    FireTimer,
    InitializeWorkflow,
    NotifyHasPatch,
    RemoveFromCache,
    ResolveActivity,
    ResolveChildWorkflowExecution,
    ResolveChildWorkflowExecutionStart,
    ResolveChildWorkflowExecutionStartFailure,
    ResolveChildWorkflowExecutionStartSuccess,
    ResolveSignalExternalWorkflow,
    SignalWorkflow,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.common import Priority, TypedSearchAttributes
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

from instar.domain.sets.names import NAMESPACE, WORKFLOW_QUEUE

if TYPE_CHECKING:
    from tests.simulation.engine import Engine

SUGGESTS_A_NEW_RUN = 4096
"""Events of a history after which Temporal's server suggests continue-as-new."""

EVENTS_OF_A_TASK = 3
"""Scheduled, started, completed."""

GONE = "ExternalWorkflowExecutionNotFound"


class Nondeterminism(AssertionError):
    """A workflow that is replayed does something else than it did."""


@dataclass
class Answer:
    """What became of an update."""

    accepted: bool = False
    refusal: str = ""
    done: bool = False


@dataclass(eq=False)
class Execution:
    """`status` is "" while it runs, else as Temporal names it."""

    engine: "Engine"
    workflow_id: str
    run_id: str
    defn: Any
    arguments: Sequence[Payload]
    parent: "tuple[Execution, int] | None" = None
    status: str = ""
    history_length: int = 0
    result: Payload | None = None
    _instance: WorkflowInstance | None = None
    _began: datetime = field(init=False)
    _tasks: list[tuple[bytes, tuple[bytes, ...]]] = field(default_factory=list)
    """Each activation, and the commands that it led to."""
    _flags: set[int] = field(default_factory=set)
    _patches: list[str] = field(default_factory=list)
    _timers: set[int] = field(default_factory=set)
    _answers: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = self.engine.now
        self._seed = self.engine.chance.getrandbits(60)

    # --- what happens to it ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Its first task."""
        self._instance = self._made()
        self.task(initialize_workflow=self._first())

    def signal(self, name: str, *payloads: Payload) -> None:
        """A signal arrives."""
        self.task(
            signal_workflow=SignalWorkflow(
                signal_name=name, input=payloads, originating_event_id=self.history_length + 1
            )
        )

    def update(self, name: str, update_id: str, *payloads: Payload) -> Answer:
        """An update arrives; asked again by the same id, it is the same one."""
        if update_id in self._answers:
            return self._answers[update_id]
        answer = self._answers[update_id] = Answer()
        self.task(
            do_update=DoUpdate(
                id=update_id, protocol_instance_id=update_id, name=name, input=payloads, run_validator=True
            )
        )
        return answer

    def task(self, **job: Any) -> None:
        """One workflow task with that job, unless the run is closed: what comes then is lost, as it is in Temporal."""
        if self.status:
            return
        activation = self._activation(WorkflowActivationJob(**job))
        commands = self._activated(activation)
        activation.available_internal_flags.extend(sorted(self._flags))
        self._tasks.append((activation.SerializeToString(deterministic=True), tuple(_text(one) for one in commands)))
        self.history_length += EVENTS_OF_A_TASK + 1 + len(commands)
        for command in commands:
            self._carry_out(command)

    def replay(self) -> None:
        """Make the instance anew from the history, as a worker does that takes over. Raises Nondeterminism."""
        if self.status:
            return
        self.forget()
        self._instance = self._made()
        for number, (written, expected) in enumerate(self._tasks):
            activation = WorkflowActivation.FromString(written)
            activation.is_replaying = True
            if number == 0:
                has_patch = [
                    WorkflowActivationJob(notify_has_patch=NotifyHasPatch(patch_id=one)) for one in self._patches
                ]
                activation.jobs.extend(has_patch)
            found = tuple(_text(one) for one in self._activated(activation))
            if found != expected:
                raise Nondeterminism(f"{self.workflow_id}, task {number + 1} of {len(self._tasks)}: {activation}")

    def forget(self) -> None:
        """Take it out of the cache."""
        if self._instance is not None:
            removal = self._activation(WorkflowActivationJob(remove_from_cache=RemoveFromCache()))
            self._instance.activate(removal)
            self._instance = None

    def close(self, status: str) -> None:
        """It has ended, or is ended from outside."""
        self.status = status
        self.forget()

    # --- what it commands --------------------------------------------------------------------------------------------

    def _carry_out(self, command: WorkflowCommand) -> None:  # noqa: C901  # a closed set, a case for each
        kind = command.WhichOneof("variant")
        match kind:
            case "start_timer":
                self._timers.add(command.start_timer.seq)
                due = self.engine.now + _span(command.start_timer.start_to_fire_timeout)
                self.engine.at(due, partial(self._fire, command.start_timer.seq))
            case "cancel_timer":
                self._timers.discard(command.cancel_timer.seq)
            case "schedule_activity":
                self.engine.activities.schedule(self, command.schedule_activity)
            case "request_cancel_activity":
                self.engine.activities.cancel(self, command.request_cancel_activity.seq)
            case "start_child_workflow_execution":
                self._start_child(command)
            case "signal_external_workflow_execution":
                self._signal_other(command)
            case "update_response":
                self._answered(command)
            case "set_patch_marker":
                self._patches.append(command.set_patch_marker.patch_id)
            case "complete_workflow_execution" | "fail_workflow_execution":
                self._carry_out_end(command)
            case "continue_as_new_workflow_execution":
                self.close("CONTINUED_AS_NEW")
                self.engine.continue_as_new(self, command.continue_as_new_workflow_execution.arguments)
            case "upsert_workflow_search_attributes" | "modify_workflow_properties":
                return
            case _:
                raise AssertionError(f"{self.workflow_id} does what the engine does not play: {command}")

    def _carry_out_end(self, command: WorkflowCommand) -> None:
        if command.HasField("complete_workflow_execution"):
            self.result = command.complete_workflow_execution.result
            self._end("COMPLETED", ChildWorkflowResult(completed=Success(result=self.result)))
            return
        failure = command.fail_workflow_execution.failure
        [self.result] = failure.application_failure_info.details.payloads
        self._end("FAILED", ChildWorkflowResult(failed=ChildFailed(failure=failure)))

    def _fire(self, seq: int) -> None:
        if seq in self._timers:
            self._timers.discard(seq)
            self.task(fire_timer=FireTimer(seq=seq))

    def _start_child(self, command: WorkflowCommand) -> None:
        asked = command.start_child_workflow_execution
        seq, name = asked.seq, asked.workflow_type
        started = ResolveChildWorkflowExecutionStart(seq=seq)
        if (there := self.engine.executions.get(asked.workflow_id)) and not there.status:
            started.failed.CopyFrom(
                ResolveChildWorkflowExecutionStartFailure(
                    workflow_id=asked.workflow_id,
                    workflow_type=name,
                    cause=StartChildWorkflowExecutionFailedCause.START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_WORKFLOW_ALREADY_EXISTS,
                )
            )
            self._soon(resolve_child_workflow_execution_start=started)
            return
        child = self.engine.execution(asked.workflow_id, name, asked.input, parent=(self, seq))
        started.succeeded.CopyFrom(ResolveChildWorkflowExecutionStartSuccess(run_id=child.run_id))
        self._soon(resolve_child_workflow_execution_start=started)
        self.engine.soon(child.begin)

    def _signal_other(self, command: WorkflowCommand) -> None:
        asked = command.signal_external_workflow_execution
        other = self.engine.executions.get(asked.workflow_execution.workflow_id)
        told = ResolveSignalExternalWorkflow(seq=asked.seq)
        if other is None or other.status:
            told.failure.CopyFrom(
                Failure(message="not found", application_failure_info=ApplicationFailureInfo(type=GONE))
            )
        else:
            self.engine.soon(lambda: other.signal(asked.signal_name, *asked.args))
        self._soon(resolve_signal_external_workflow=told)

    def _answered(self, command: WorkflowCommand) -> None:
        response = command.update_response
        answer = self._answers[response.protocol_instance_id]
        match response.WhichOneof("response"):
            case "accepted":
                answer.accepted = True
            case "rejected":
                answer.refusal, answer.done = response.rejected.message, True
            case _:
                answer.done = True

    def _end(self, status: str, result: ChildWorkflowResult) -> None:
        self.close(status)
        if self.parent:
            parent, seq = self.parent
            resolved = ResolveChildWorkflowExecution(seq=seq, result=result)
            self.engine.soon(lambda: parent.task(resolve_child_workflow_execution=resolved))

    def _soon(self, **job: Any) -> None:
        self.engine.soon(lambda: self.task(**job))

    def activity_ended(self, seq: int, resolution: Any) -> None:
        """The outcome of an activity."""
        self.history_length += 1
        self.task(resolve_activity=ResolveActivity(seq=seq, result=resolution))

    # --- the SDK's instance ------------------------------------------------------------------------------------------

    def _activation(self, job: WorkflowActivationJob) -> WorkflowActivation:
        activation = WorkflowActivation(
            run_id=self.run_id,
            jobs=[job],
            history_length=self.history_length,
            continue_as_new_suggested=self.history_length >= SUGGESTS_A_NEW_RUN,
        )
        activation.timestamp.FromDatetime(self.engine.now)
        return activation

    def _activated(self, activation: WorkflowActivation) -> list[WorkflowCommand]:
        assert self._instance is not None
        completion = self._instance.activate(activation)
        if completion.HasField("failed"):
            raise AssertionError(f"{self.workflow_id}: a workflow task failed: {completion.failed.failure}")
        self._flags.update(completion.successful.used_internal_flags)
        return list(completion.successful.commands)

    def _first(self) -> InitializeWorkflow:
        first = InitializeWorkflow(
            workflow_id=self.workflow_id,
            workflow_type=self.defn.name,
            arguments=self.arguments,
            randomness_seed=self._seed,
            attempt=1,
        )
        first.start_time.FromDatetime(self._began)
        return first

    def _made(self) -> WorkflowInstance:
        info = workflow.Info(
            attempt=1,
            continued_run_id=None,
            cron_schedule=None,
            execution_timeout=None,
            first_execution_run_id=self.run_id,
            headers={},
            namespace=NAMESPACE,
            original_execution_run_id=self.run_id,
            parent=None,
            root=None,
            raw_memo={},
            retry_policy=None,
            run_id=self.run_id,
            run_timeout=None,
            search_attributes={},
            start_time=self._began,
            workflow_start_time=self._began,
            task_queue=WORKFLOW_QUEUE,
            task_timeout=timedelta(seconds=10),
            typed_search_attributes=TypedSearchAttributes.empty,
            workflow_id=self.workflow_id,
            workflow_type=self.defn.name,
            priority=Priority.default,
        )
        details = WorkflowInstanceDetails(
            payload_converter_factory=pydantic_data_converter._new_payload_converter,
            failure_converter_class=pydantic_data_converter.failure_converter_class,
            interceptor_classes=(),
            defn=self.defn,
            info=info,
            randomness_seed=self._seed,
            extern_functions={},
            disable_eager_activity_execution=True,
            worker_level_failure_exception_types=(),
            patch_activation_callback=None,
            last_completion_result=Payloads(),
            last_failure=None,
        )
        made: WorkflowInstance = self.engine.activities.run(_created(details))
        return made


async def _created(details: WorkflowInstanceDetails) -> WorkflowInstance:
    """It wants a loop that runs, and only for a moment."""
    return UnsandboxedWorkflowRunner().create_instance(details)


def _text(command: WorkflowCommand) -> bytes:
    return command.SerializeToString(deterministic=True)


def _span(duration: Duration) -> timedelta:
    return duration.ToTimedelta()
