"""The one place where the API talks to Temporal: updates to a scale set's workflow, started if it is not there.

The update id is the operation's: the same request, made again, is done once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from datetime import timedelta

from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.services.first_state import first_state
from api.wire.errors import ArmError, unavailable
from instar.connection.client import alive
from instar.domain.delays import Delays
from instar.domain.messages.keepers import Keeps
from instar.domain.messages.scale_set import NudgeLook
from instar.domain.messages.updates import UPDATES, Update
from instar.domain.sets.names import (
    LOOK,
    LOOKS,
    MOVE_ON,
    WORKFLOW_QUEUE,
    Refusal,
    WorkflowType,
    keeper_workflow_id,
    os_upgrade_workflow_id,
    scale_set_workflow_id,
)
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.store import Store
from workflows.keepers.keeper import KeeperWorkflow
from workflows.sets.scale_set import ScaleSetWorkflow
from workflows.visibility import scale_set_attributes
from workflows.webhooks.nudges import WebhookNudges

_log = logging.getLogger(__name__)

ANSWER_WITHIN = timedelta(seconds=8)
"""How long the server and a worker have to answer an update. Then the request is accepted all the same (F6)."""

_REFUSALS = {Refusal.OPERATION_NOT_ALLOWED: 409, Refusal.NOT_FOUND: 404}

_AWAY = "Temporal, or every worker, does not answer just now. Try again later."

LISTED_WITHIN = timedelta(seconds=60)
"""How long the server has to list ten thousand workflows."""

SIGNALLED_WITHIN = timedelta(seconds=5)
"""How long the server has to take a signal that may be lost."""


class ScaleSetGateway:
    """Sends updates. Raises ArmError: 409 when the set refuses, 503 when Temporal or every worker is away."""

    def __init__(self, client: Client, store: Store, delays: Delays) -> None:
        self._client = client
        self._store = store
        self._delays = delays
        self._nudges = WebhookNudges(client)

    def use(self, client: Client) -> None:
        """Reach Temporal by another connection from now on; what is under way ends by the one that it began with."""
        self._client = client

    @property
    def client(self) -> Client:
        """The connection in use."""
        return self._client

    async def send(self, scale_set: ScaleSetIdentity, message: Update) -> None:
        """Hand over one message and wait for its acceptance."""
        try:
            # A deadline of our own around the server's: connecting to a server that is away is not within the latter.
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds() + 1):
                await self._send(scale_set, message)
        except WorkflowUpdateFailedError as error:
            raise _refusal(error) from None
        except (RPCError, RPCTimeoutOrCancelledError, TimeoutError, RuntimeError) as error:
            # RuntimeError is how a lazy client says that it could not connect.
            # Whoever hands over says it once, not at each try.
            _log.debug("no answer from Temporal for %s: %s", scale_set.resource_id, type(error).__name__)
            raise unavailable(_AWAY) from None

    async def nudge(self, scale_set: ScaleSetIdentity, *, kept_disks: bool = False) -> bool:
        """Tell a set that it may look sooner (T2); whether it heard. One whose workflow is not there is let be.

        `kept_disks`: not at the catalogue, but at how long its kept disks are kept (R1).
        """
        handle = self._client.get_workflow_handle(scale_set_workflow_id(scale_set))
        try:
            async with asyncio.timeout(SIGNALLED_WITHIN.total_seconds()):
                await handle.signal("nudge_look", NudgeLook(kept_disks=kept_disks), rpc_timeout=SIGNALLED_WITHIN)
        except (RPCError, TimeoutError, RuntimeError):
            return False
        return True

    async def look_again(self, scale_set: ScaleSetIdentity, number: int) -> bool:
        """Have a running upgrade ask anew whether its next batch may begin (C1, C2); whether it heard."""
        handle = self._client.get_workflow_handle(os_upgrade_workflow_id(scale_set, number))
        try:
            async with asyncio.timeout(SIGNALLED_WITHIN.total_seconds()):
                await handle.signal("look_again", rpc_timeout=SIGNALLED_WITHIN)
        except (RPCError, TimeoutError, RuntimeError):
            return False
        return True

    async def begin(self, scale_set: ScaleSetIdentity) -> None:
        """Begin the workflow of a set anew from the records, unless it runs. Raises ArmError 503."""
        state = await asyncio.to_thread(first_state, self._store, scale_set, self._delays)
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                await self._client.start_workflow(
                    ScaleSetWorkflow.run,
                    state,
                    id=scale_set_workflow_id(scale_set),
                    task_queue=WORKFLOW_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary=_summary(scale_set),
                    search_attributes=scale_set_attributes(scale_set),
                    rpc_timeout=ANSWER_WITHIN,
                )
        except (RPCError, TimeoutError, RuntimeError):
            raise unavailable(_AWAY) from None

    async def look_at_webhooks(self, webhook_ids: Iterable[str]) -> None:
        """There may be something to deliver to these: their workflows look, and are started where they do not run."""
        await self._nudges.look(webhook_ids)

    async def begin_webhooks(self, webhook_ids: Iterable[str]) -> None:
        """Begin the workflows of these, unless they run."""
        await self._nudges.begin(webhook_ids)

    async def begin_keepers(self, keepers: Iterable[Keeps]) -> None:
        """Begin what sees to turns, rings and looks, unless it runs; a lost word is said by the sweep (T2, W4, W5)."""
        for keeps in keepers:
            with contextlib.suppress(RPCError, TimeoutError, RuntimeError):
                async with asyncio.timeout(SIGNALLED_WITHIN.total_seconds()):
                    await self._client.start_workflow(
                        KeeperWorkflow.run,
                        keeps,
                        id=keeper_workflow_id(keeps.what, keeps.name),
                        task_queue=WORKFLOW_QUEUE,
                        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                        static_summary=f"sees to {' '.join(filter(None, (keeps.what, keeps.name)))}",
                        rpc_timeout=SIGNALLED_WITHIN,
                    )

    async def wake_looks(self) -> None:
        """A look for idle sets is due sooner than was known (T2); a lost word is said again by the sweep."""
        with contextlib.suppress(RPCError, TimeoutError, RuntimeError):
            async with asyncio.timeout(SIGNALLED_WITHIN.total_seconds()):
                await self._client.start_workflow(
                    KeeperWorkflow.run,
                    Keeps(what=LOOKS),
                    id=keeper_workflow_id(LOOKS),
                    task_queue=WORKFLOW_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary=f"sees to {LOOKS}",
                    start_signal=LOOK,
                    rpc_timeout=SIGNALLED_WITHIN,
                )

    async def running(self) -> dict[str, str]:
        """Ids of the workflows of sets that run, each with its type. Raises ArmError 503 where nobody can tell."""
        query = " OR ".join(f"WorkflowType = '{workflow_type}'" for workflow_type in WorkflowType)
        try:
            async with asyncio.timeout(LISTED_WITHIN.total_seconds()):
                listed = self._client.list_workflows(f"({query}) AND ExecutionStatus = 'Running'", page_size=1000)
                return {workflow.id: workflow.workflow_type async for workflow in listed}
        except (RPCError, TimeoutError, RuntimeError):
            raise unavailable(_AWAY) from None

    async def move_on(self, workflow_id: str) -> None:
        """Tell a set's workflow of an older release to continue under the one of today; a lost word is said again."""
        with contextlib.suppress(RPCError, TimeoutError, RuntimeError):
            async with asyncio.timeout(SIGNALLED_WITHIN.total_seconds()):
                handle = self._client.get_workflow_handle(workflow_id)
                await handle.signal(MOVE_ON, rpc_timeout=SIGNALLED_WITHIN)

    async def operations_in_hand(self, scale_set: ScaleSetIdentity) -> frozenset[str] | None:
        """Operations that the set's workflow is going to end; None where it cannot be asked just now."""
        handle = self._client.get_workflow_handle_for(ScaleSetWorkflow.run, scale_set_workflow_id(scale_set))
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                return frozenset(await handle.query(ScaleSetWorkflow.operations, rpc_timeout=ANSWER_WITHIN))
        except (RPCError, WorkflowQueryFailedError, TimeoutError, RuntimeError):
            return None

    async def upgrade_closed(self, scale_set: ScaleSetIdentity, number: int) -> str:
        """How Temporal says that an upgrade closed, NOT_FOUND for none; "" while it runs or nobody can tell."""
        handle = self._client.get_workflow_handle(os_upgrade_workflow_id(scale_set, number))
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                status = (await handle.describe(rpc_timeout=ANSWER_WITHIN)).status
        except RPCError as error:
            return error.status.name if error.status is RPCStatusCode.NOT_FOUND else ""
        except (TimeoutError, RuntimeError):
            return ""
        return "" if status in (None, WorkflowExecutionStatus.RUNNING) else status.name

    async def alive(self) -> bool:
        """Whether the Temporal server answers."""
        return await alive(self._client)

    async def _send(self, scale_set: ScaleSetIdentity, message: Update) -> None:
        state = await asyncio.to_thread(first_state, self._store, scale_set, self._delays)
        start = WithStartWorkflowOperation(
            ScaleSetWorkflow.run,
            state,
            id=scale_set_workflow_id(scale_set),
            task_queue=WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=_summary(scale_set),
            search_attributes=scale_set_attributes(scale_set),
        )
        await self._client.execute_update_with_start_workflow(
            UPDATES[type(message)],
            message,
            start_workflow_operation=start,
            id=message.operation_id,
            rpc_timeout=ANSWER_WITHIN,
        )


def _summary(scale_set: ScaleSetIdentity) -> str:
    return f"{scale_set.name}: timers and lock of the scale set"


def _refusal(error: WorkflowUpdateFailedError) -> ArmError:
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type in _REFUSALS:
        return ArmError(_REFUSALS[Refusal(cause.type)], cause.type, cause.message)
    # The workflow was closed under the update's feet, or failed: a later try meets a new one.
    _log.warning("an update failed: %s", type(cause).__name__)
    return unavailable(_AWAY)
