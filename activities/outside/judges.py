"""Asking judges: before a batch, until all say yes, until one does not (docs/rules.md G2)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.heartbeats import beating
from activities.outside.asking import ServersTime, answered
from instar.compute.clock import Clock, utc_now
from instar.domain.messages.hooks import AskJudges, JudgesAnswered, call_id
from instar.domain.steering.outside import judges
from instar.domain.steering.outside.answers import JudgeAnswer, JudgeOutcome
from instar.domain.steering.outside.judges import Judge
from instar.outbound.questions import Questions
from instar.store.store import Store


@dataclass(frozen=True)
class JudgeActivities:
    """Questions to judges. Each attempt of those that are made again and again asks anew, under another id."""

    questions: Questions
    store: Store
    clock: Clock = utc_now

    @activity.defn
    async def ask_judges(self, request: AskJudges) -> JudgesAnswered:
        """What each judge says, or that it could not be asked for its time-out."""
        async with beating():
            return await self._asked(request, activity.info().scheduled_time)

    @activity.defn
    async def until_yes(self, request: AskJudges) -> JudgesAnswered:
        """All say yes. Fails, and so is made again, until they do; the newest no is told to readers (F10).

        The first attempt asks nobody: a judge has just said no.
        """
        info = activity.info()
        if info.attempt == 1:
            await self._tell(request, request.because)
            raise _again(request.because)
        async with beating():
            heard = await self._asked(request, info.current_attempt_scheduled_time, once=True)
        against = "; ".join(one.reason for one in heard.answers if one.outcome is not JudgeOutcome.YES)
        await self._tell(request, against)
        if against:
            raise _again(against)
        return heard

    @activity.defn
    async def until_no(self, request: AskJudges) -> JudgesAnswered:
        """One does not say yes, or could not be asked for its time-out. Fails, and so is made again, until then."""
        async with beating():
            heard = await self._asked(request, activity.info().current_attempt_scheduled_time)
        if all(one.outcome is JudgeOutcome.YES for one in heard.answers):
            raise _again("every judge says yes")
        return heard

    async def _tell(self, request: AskJudges, what: str) -> None:
        asking = request.asking
        say = self.store.waits.say
        await asyncio.to_thread(say, asking.scale_set.unique_id, asking.number, what, self.clock())

    async def _asked(self, request: AskJudges, since: datetime, *, once: bool = False) -> JudgesAnswered:
        asked = (self._answer(judge, request, since, once=once) for judge in request.judges)
        return JudgesAnswered(answers=tuple(await asyncio.gather(*asked)))

    async def _answer(self, judge: Judge, request: AskJudges, since: datetime, *, once: bool) -> JudgeAnswer:
        message_id = call_id(request.asking, "judge", judge.name, request.occasion, since.isoformat())
        said = {"occasion": request.occasion} | request.asking.document
        longest = judges.ONE_LOOK if once else judge.timeout
        patient = judge.model_copy(update={"timeout": longest})
        ask = partial(self.questions.judge, judge, message_id, said)
        judged = partial(judges.judged, patient)
        return await answered(lambda: since, lambda: longest, ask, judged, ServersTime())


def _again(why: str) -> ApplicationError:
    return ApplicationError(why[:500], type="AskedAgain", category=ApplicationErrorCategory.BENIGN)
