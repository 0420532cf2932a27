"""Histories as they were before they were sealed."""

from temporalio.client import WorkflowHistory
from temporalio.converter import PayloadCodec

from instar.connection.payload_walk import payloads_in


async def opened(history: WorkflowHistory, codec: PayloadCodec | None) -> WorkflowHistory:
    """The same history, each of its payloads opened where it stands."""
    assert codec is not None
    for event in history.events:
        for payload in payloads_in(event):
            [inner] = await codec.decode([payload])
            payload.CopyFrom(inner)
    return history
