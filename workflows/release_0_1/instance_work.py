"""A set's work on its instances outside of rolling upgrades: what was asked of them, and changed models (P1, P15)."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.model_changes import ModelChangeActivities
from instar.domain.machines.actions import ActionKind
from instar.domain.messages.instance_actions import InstanceAction, ModelChange, ResolveModelChange
from instar.domain.sets.names import COMPUTE_QUEUE, Refusal
from instar.domain.sets.policies import StartedBy
from workflows import options
from workflows.operations import refusal_of
from workflows.release_0_1.ends import end_operations
from workflows.release_0_1.instance_actions import ActionRun
from workflows.release_0_1.memory import Memory
from workflows.release_0_1.running_upgrade import UpgradeLock

ACTIONS_AT_MOST = 100
"""Actions that wait for each other: they travel through continue-as-new."""

IDS_AT_MOST = 200_000
"""Letters of all their instance ids: a tenth of what one payload may have."""

REQUESTS_KEPT = 50
"""Newest requests remembered, so that one made again after continue-as-new is not done twice."""


class InstanceWork:
    """Does one thing after the other. `starting` keeps a start and an action from both finding the set idle."""

    def __init__(self, memory: Memory, lock: UpgradeLock, starting: asyncio.Lock) -> None:
        self._memory = memory
        self._lock = lock
        self._starting = starting
        self.number_begun = 0
        """Of the action that is under way."""

    async def ask(self, action: InstanceAction) -> None:
        """Remember what was asked; the main loop does it. Raises OperationNotAllowed."""
        async with self._starting:
            state = self._memory.state
            if action.operation_id in state.acted:
                return
            name = f"Operation '{action.kind}' is not allowed because"
            if state.deleting:
                raise refused(f"{name} the scale set is being deleted.")
            if state.running and action.kind.numbered:
                raise refused(f"{name} a Rolling Upgrade is in progress: {state.running.workflow_id}.")
            waiting = (*state.actions, action)
            if len(waiting) > ACTIONS_AT_MOST or sum(len(one.ids.ranges) for one in waiting) > IDS_AT_MOST:
                raise refused(f"{name} {len(state.actions)} others wait already.")
            acted = (*state.acted, action.operation_id)[-REQUESTS_KEPT:]
            self._memory.change(actions=waiting, acted=acted)

    def refuse_a_start(self) -> None:
        """Raises OperationNotAllowed while instances are worked on one by one (P15)."""
        for action in self._memory.state.actions:
            if action.kind.numbered:
                message = f"Operation 'osRollingUpgrade' is not allowed because '{action.kind}' is in progress."
                raise refused(message)

    @property
    def waits(self) -> bool:
        """Whether there is something to do now."""
        state = self._memory.state
        return not state.deleting and bool(state.actions or (state.waiting_operations and not state.running))

    async def go_on(self) -> None:
        """Do what was asked, all of it, so that an upgrade finds none of it waiting; then what a changed model asks."""
        while self._memory.state.actions:
            run = ActionRun(self._memory)
            self.number_begun = run.number
            await run.perform()
            self.number_begun = 0
        if self.waits:
            await self._bring()

    async def _bring(self) -> None:
        """Bring the instances to the newest model, in the way of its mode (docs/rules.md K5)."""
        async with self._starting:
            operations = self._memory.state.waiting_operations
            change = await self._resolved()
            if not self.waits:
                return  # deleted meanwhile
            workflow.logger.info("%s: %s", self._memory.state.scale_set.name, change.reason)
            left = tuple(one for one in self._memory.state.waiting_operations if one not in operations)
            self._memory.change(waiting_operations=left, brought_generation=change.generation)
            if change.plan is not None and change.rolling:
                await self._lock.begin(change.plan, StartedBy.USER, *operations)
                return
            if change.plan is not None:
                self._apply_to_all(operations)
                return
        await end_operations(self._memory, operations, _error(change))

    async def _resolved(self) -> ModelChange:
        try:
            return await workflow.execute_activity_method(
                ModelChangeActivities.resolve_model_change,
                ResolveModelChange(scale_set=self._memory.state.scale_set),
                task_queue=COMPUTE_QUEUE,
                summary="which instances are not on the newest model?",
                **options.READ,
            )
        except ActivityError as failure:
            return ModelChange(reason=refusal_of(failure), refused=True)

    def _apply_to_all(self, operations: tuple[str, ...]) -> None:
        """Mode Automatic: all at once, as `manualupgrade` of everyone does."""
        first, *others = operations
        action = InstanceAction(
            operation_id=first, kind=ActionKind.MANUAL_UPGRADE, everyone=True, more_operations=tuple(others)
        )
        self._memory.change(actions=(*self._memory.state.actions, action))


def _error(change: ModelChange) -> str:
    return change.reason if change.refused else ""


def refused(message: str) -> ApplicationError:
    """What the API answers with 409."""
    return ApplicationError(message, type=Refusal.OPERATION_NOT_ALLOWED, non_retryable=True)
