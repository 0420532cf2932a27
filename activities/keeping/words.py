"""Words to upgrades, sets and keepers: each may be lost, and then only delays (docs/rules.md W4, W5)."""

import asyncio
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from instar.domain.messages.keepers import Keeps
from instar.domain.messages.scale_set import NudgeLook
from instar.domain.sets.names import (
    KEEPER_WORKFLOW,
    LOOK,
    WORKFLOW_QUEUE,
    keeper_workflow_id,
    os_upgrade_workflow_id,
    scale_set_workflow_id,
)
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.turns.turns import Turn

WITHIN = timedelta(seconds=2)
"""How long one word may take: whoever says it has other things to do."""

AT_ONCE = 20


class Words:
    """Said by one client of Temporal."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def go_on(self, turns: Iterable[Turn]) -> None:
        """It is the turn of these upgrades."""
        await _all(self._signal(_workflow_id(turn), "look_again") for turn in turns)

    async def look(self, sets: Iterable[ScaleSetIdentity]) -> None:
        """There may be a version for these sets now."""
        await _all(self._signal(scale_set_workflow_id(one), "nudge_look", NudgeLook()) for one in sets)

    async def look_at_once(self, sets: Iterable[ScaleSetIdentity]) -> None:
        """There is something to do for these sets, and it is their turn."""
        nudge = NudgeLook(at_once=True)
        await _all(self._signal(scale_set_workflow_id(one), "nudge_look", nudge) for one in sets)

    async def begin(self, keeps: Keeps, *, wake: bool = False) -> None:
        """Begin a keeper, unless it runs; `wake`: have it look now if it does."""
        signal: dict[str, Any] = {"start_signal": LOOK} if wake else {}
        with suppress(RPCError, TimeoutError, RuntimeError):
            await self._client.start_workflow(
                KEEPER_WORKFLOW,
                keeps,
                id=keeper_workflow_id(keeps.what, keeps.name),
                task_queue=WORKFLOW_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=f"sees to {' '.join(filter(None, (keeps.what, keeps.name)))}",
                rpc_timeout=WITHIN,
                **signal,
            )

    async def closed(self, turns: Iterable[Turn]) -> list[Turn]:
        """Those whose workflow runs no more, or that Temporal does not know; where it does not answer, nobody."""
        asked = tuple(turns)
        gate = asyncio.Semaphore(AT_ONCE)

        async def is_closed(turn: Turn) -> bool:
            async with gate:
                try:
                    handle = self._client.get_workflow_handle(_workflow_id(turn))
                    status = (await handle.describe(rpc_timeout=WITHIN)).status
                except RPCError as error:
                    return error.status is RPCStatusCode.NOT_FOUND
                return status not in {None, WorkflowExecutionStatus.RUNNING}

        answers = await asyncio.gather(*map(is_closed, asked))
        return [turn for turn, answer in zip(asked, answers, strict=True) if answer]

    async def _signal(self, workflow_id: str, signal: str, *arguments: object) -> None:
        with suppress(RPCError, TimeoutError, RuntimeError):
            handle = self._client.get_workflow_handle(workflow_id)
            await handle.signal(signal, args=list(arguments), rpc_timeout=WITHIN)


async def _all(said: Iterable[Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(word: Awaitable[None]) -> None:
        async with gate:
            await word

    await asyncio.gather(*map(one, said))


def _workflow_id(turn: Turn) -> str:
    identity = ScaleSetIdentity(
        resource_id=turn.resource_id,
        name=turn.resource_id.rpartition("/")[2],
        unique_id=turn.unique_id,
        location="",
    )
    return os_upgrade_workflow_id(identity, turn.number)
