"""Hooks in an upgrade: asked before machines are swapped, told what became of them (docs/rules.md G1).

Every machine whose opening hook was called gets its closing one, whatever becomes of it: at the end of its batch at
the latest, so that nothing is owed to anybody between batches. Without hooks nothing here leaves a trace.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.outside.hooks import CALLS_OF_ONE_BATCH, HookActivities
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.hooks import CallHooks, HooksAnswered, together, what_became
from instar.domain.records.progress import Outcome
from instar.domain.steering.outside.hooks import Hook, HookPoint
from workflows import options
from workflows.upgrades.journal import Journal
from workflows.upgrades.memory import UpgradeMemory

CLOSED_WITHIN = timedelta(minutes=5)
"""After a cancel or a stop, which wait for nobody for long: all closing hooks together."""

SENTENCES_AT_MOST = 3
"""Of hooks in one decision."""


class Hooks:
    """The hooks of one upgrade."""

    def __init__(self, memory: UpgradeMemory, journal: Journal) -> None:
        self._memory = memory
        self._journal = journal
        policy = memory.started.plan.rollout
        hooks = policy.hooks if policy else ()
        self._opening = tuple(one for one in hooks if one.at is HookPoint.BEFORE_SWAP)
        self._closing = tuple(one for one in hooks if one.at is HookPoint.AFTER_HEALTHY)
        self._opened = InstanceIds()
        """Whose opening hook was called and whose closing one was not yet: nobody between two batches."""

    async def open(self, ids: InstanceIds) -> InstanceIds:
        """Call the opening hooks for a batch: whom it goes on with. The others are left out, or wait again."""
        memory = self._memory
        if not self._opening or memory.is_cancelled():
            return ids
        self._opened |= ids
        answered = await self._called(self._request(self._opening, ids), memory.is_cancelled)
        # Where the last word of a cancelled call is lost, nobody knows who was called: all are closed.
        self._opened = self._opened - ids | (ids if answered is None else answered.called)
        answered = answered or HooksAnswered()
        memory.progress = memory.known.leaving_out(answered.skipped)
        if told := _told(answered):
            await self._journal.decided("hooks", told)
        memory.cancel_reason = memory.cancel_reason or answered.stops
        ready = InstanceIds() if memory.is_cancelled() else answered.go_on
        memory.move(ids - ready - together(answered.skipped), Outcome.PENDING)
        return ready

    async def close(self, batch: InstanceIds) -> None:
        """Call the closing hooks of all whose opening one was called; without such, of those that are healthy now."""
        memory = self._memory
        due = self._opened if self._opening else batch & memory.known.of(Outcome.UPGRADED)
        if not self._closing or not due:
            self._opened = InstanceIds()
            return
        answered = HooksAnswered()
        if not memory.is_cancelled():
            answered = await self._called(self._request(self._closing, due), memory.is_cancelled) or answered
        if left := due - answered.go_on:
            # Cancelled before or meanwhile. Whoever was asked already knows the call by its id.
            request = self._request(self._closing, left).model_copy(update={"at_most": CLOSED_WITHIN})
            answered = _merged(answered, await self._called(request, lambda: False) or HooksAnswered())
        self._opened = InstanceIds()
        if told := _told(answered):
            await self._journal.decided("hooks", told)
        memory.cancel_reason = memory.cancel_reason or answered.stops

    def _request(self, hooks: tuple[Hook, ...], ids: InstanceIds) -> CallHooks:
        is_closing = hooks[0].at is HookPoint.AFTER_HEALTHY
        why = what_became(ids, self._memory.known) if is_closing else {}
        return CallHooks(hooks=hooks, asking=self._memory.asking(self._memory.batch), ids=ids, why=why)

    async def _called(self, request: CallHooks, cut: Callable[[], bool]) -> HooksAnswered | None:
        """What was heard until all have answered, or it is cut short; None where that is not known."""
        names = ", ".join(one.name for one in request.hooks)
        handle: workflow.ActivityHandle[HooksAnswered] = workflow.start_activity_method(
            HookActivities.call_hooks,
            request,
            summary=f"call {names} {request.hooks[0].at.value} for {request.ids.ranges[:100]}",
            **options.hooks([one.timeout for one in request.hooks], len(request.ids) // CALLS_OF_ONE_BATCH + 1),
        )
        await workflow.wait_condition(lambda: cut() or handle.done())
        if handle.done():
            return await handle
        handle.cancel()
        try:
            return await handle
        except ActivityError:
            return None


def _merged(first: HooksAnswered, then: HooksAnswered) -> HooksAnswered:
    return HooksAnswered(
        called=first.called | then.called,
        go_on=first.go_on | then.go_on,
        proceeded=_both(first.proceeded, then.proceeded),
        stops=first.stops or then.stops,
    )


def _both(one: Mapping[str, InstanceIds], other: Mapping[str, InstanceIds]) -> dict[str, InstanceIds]:
    return dict(one) | {why: ids | one.get(why, InstanceIds()) for why, ids in other.items()}


def _told(answered: HooksAnswered) -> str:
    """What of the answers is worth a decision: whatever is no yes."""
    sentences = [f"{why} ({ids.ranges[:100]})" for why, ids in (answered.skipped | answered.proceeded).items()]
    more = [f"and {left} more answers" for left in [len(sentences) - SENTENCES_AT_MOST] if left > 0]
    return "; ".join([*filter(None, [answered.stops]), *sentences[:SENTENCES_AT_MOST], *more])
