"""Which keys Temporal still needs: those that something in a history or in a pending activity is sealed with."""

from dataclasses import dataclass, field

from google.protobuf.message import Message
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from instar.connection.payload_walk import payloads_in
from instar.connection.sealed_payloads import KEY_ID, is_sealed


@dataclass
class Uses:
    """Of one key: how many workflows that run and that have ended need it, and one of those that run."""

    running: int = 0
    ended: int = 0
    example: str = ""


@dataclass
class Found:
    """Uses by the fingerprint of their key, and how many workflows were looked at."""

    uses: dict[str, Uses] = field(default_factory=dict)
    workflows: int = 0


async def keys_in_use(client: Client) -> Found:
    """Looks at every event of every workflow that Temporal still keeps. Raises RPCError.

    Some 10 ms each, more for long ones. What is begun meanwhile is sealed with the newest key anyway.
    """
    found = Found()
    async for execution in client.list_workflows():
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        keys: set[str] = set()
        try:
            description = await handle.describe()
            keys |= _keys_of(description.raw_description)
            async for event in handle.fetch_history_events():
                keys |= _keys_of(event)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:  # its time was over while we looked
                continue
            raise
        found.workflows += 1
        for key in keys:
            uses = found.uses.setdefault(key, Uses())
            if description.status is WorkflowExecutionStatus.RUNNING:
                uses.running += 1
                uses.example = uses.example or execution.id
            else:
                uses.ended += 1
    return found


def _keys_of(message: Message) -> set[str]:
    return {
        payload.metadata[KEY_ID].decode("ascii", errors="replace")
        for payload in payloads_in(message)
        if is_sealed(payload)
    }
