"""Judges in an upgrade: asked before each batch, and all through a bake (docs/rules.md G2).

What follows from their answers is said by `next_step`. Waiting for a yes, or for a no, is one activity that is made
again and again, so that a judge that says no for a week costs no more history than one that says yes at once.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.outside.judges import JudgeActivities
from instar.domain.messages.hooks import AskJudges, JudgesAnswered
from instar.domain.steering.next_step import Park, Stop, after_judges
from instar.domain.steering.outside.answers import JudgeAnswer
from workflows import options
from workflows.upgrades.memory import UpgradeMemory

PERIOD = timedelta(minutes=1)
"""Between two questions to judges, while it bakes or they say no."""

PERIOD_AT_MOST = timedelta(hours=1)
"""After many a no in one bake: each costs some thirty events."""

BEFORE_BATCH, BAKE = "beforeBatch", "bake"

Asked = Callable[[JudgeActivities, AskJudges], Awaitable[JudgesAnswered]]
Answers = tuple[JudgeAnswer, ...]


class Judges:
    """The judges of one upgrade."""

    def __init__(self, memory: UpgradeMemory) -> None:
        self._memory = memory
        policy = memory.started.plan.rollout
        self._judges = policy.judges if policy else ()

    async def asked(self) -> Answers | None:
        """What they say before the next batch; None: the upgrade is cancelled."""
        handle = self._start(JudgeActivities.ask_judges, self._request(BEFORE_BATCH), "ask", options.QUESTION)
        return await _heard(handle, self._memory.is_cancelled)

    async def until_yes(self, park: Park, enough: Callable[[], bool]) -> Answers | None:
        """What they say once all of them say yes; None: it was enough before that."""
        return await _heard(self._waiting_for_yes(BEFORE_BATCH, park.reason, PERIOD), enough)

    def watch(self) -> "Watch":
        """For one bake."""
        return Watch(self)

    def said(self, answers: Answers) -> Park | Stop | None:
        """What follows from answers."""
        return after_judges(self._judges, answers)

    def waiting_for_no(self) -> "workflow.ActivityHandle[JudgesAnswered] | None":
        """Ends when one does not say yes in a bake; None where there are no judges."""
        if not self._judges:
            return None
        return self._start(JudgeActivities.until_no, self._request(BAKE), "watch", options.asked_again(PERIOD))

    def waiting_in_bake(self, reason: str, nos: int) -> "workflow.ActivityHandle[JudgesAnswered]":
        """Ends when all say yes again. `nos`: how often one has not in this bake; it grows rarer."""
        pause = min(PERIOD * (1 << min(nos - 1, 10)), PERIOD_AT_MOST)
        return self._waiting_for_yes(BAKE, reason, pause)

    def _waiting_for_yes(
        self, occasion: str, reason: str, pause: timedelta
    ) -> "workflow.ActivityHandle[JudgesAnswered]":
        request = self._request(occasion).model_copy(update={"because": reason})
        return self._start(JudgeActivities.until_yes, request, "wait for", options.asked_again(pause))

    def _request(self, occasion: str) -> AskJudges:
        batch = self._memory.batch + (occasion == BEFORE_BATCH)
        return AskJudges(judges=self._judges, asking=self._memory.asking(batch), occasion=occasion)

    def _start(
        self, asked: Asked, request: AskJudges, verb: str, how: dict[str, object]
    ) -> "workflow.ActivityHandle[JudgesAnswered]":
        names = ", ".join(one.name for one in self._judges)
        return workflow.start_activity_method(asked, request, summary=f"{verb} {names}", **how)  # type: ignore[call-overload, no-any-return]  # options are untyped


class Watch:
    """Judges during one bake: waited for until one says no, and then until all say yes."""

    def __init__(self, judges: Judges) -> None:
        self._judges = judges
        self._handle = judges.waiting_for_no()
        self._nos = 0
        self.against = False
        """Whether one does not say yes now: the bake's time stands still."""

    def spoke(self) -> bool:
        """Whether there is an answer to be heard."""
        return self._handle is not None and self._handle.done()

    async def heard(self) -> Park | Stop | None:
        """What was said; from now on the contrary is waited for. None: all say yes again."""
        assert self._handle is not None, "nobody speaks before one is asked"  # noqa: S101  # `spoke` says so
        step = self._judges.said((await self._handle).answers)
        if step is None:
            self.against, self._handle = False, self._judges.waiting_for_no()
        elif isinstance(step, Park):
            self._nos += 1
            self.against, self._handle = True, self._judges.waiting_in_bake(step.reason, self._nos)
        else:
            self._handle = None
        return step

    async def end(self) -> None:
        """The bake is over."""
        if self._handle is not None:
            await _ended(self._handle)


async def _heard(handle: "workflow.ActivityHandle[JudgesAnswered]", enough: Callable[[], bool]) -> Answers | None:
    await workflow.wait_condition(lambda: handle.done() or enough())
    if handle.done():
        return (await handle).answers
    await _ended(handle)
    return None


async def _ended(handle: "workflow.ActivityHandle[JudgesAnswered]") -> None:
    if not handle.done():
        handle.cancel()
    try:
        await handle
    except ActivityError:
        return
