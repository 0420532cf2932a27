"""Trying the hooks and judges of a rollout policy: each is called once, and what it answers is told (G1, G2)."""

import asyncio
import secrets
from datetime import timedelta
from typing import Any

from fastapi import APIRouter

from api.services.dependencies import SCALE_SET, Services, ServicesDep
from api.services.scale_set_lookup import StoredDep
from instar.domain.steering.outside import hooks, judges
from instar.domain.steering.outside.hooks import Hook
from instar.domain.steering.outside.judges import Judge
from instar.store.steering.rollout_policies import DEFAULT, StoredPolicy

router = APIRouter(tags=["rollout policies"])
"""Of sets."""

default_router = APIRouter(tags=["rollout policies"])
"""Of everything."""

ANSWER_WITHIN = timedelta(seconds=15)

Json = dict[str, Any]


@router.post(SCALE_SET + "/instar/rolloutPolicy/test", response_model=None)
async def test_policy(services: ServicesDep, stored: StoredDep) -> Json:
    """Call each hook and judge of the policy in force once, and tell what it answers. A body is ignored.

    What is sent says `"test": true` and names no machine and no upgrade. Nothing is stored, and nothing follows.
    """
    found = await asyncio.to_thread(services.store.rollout_policies.in_force, stored.identity.unique_id)
    identity = stored.identity
    scale_set = {"id": identity.resource_id, "name": identity.name, "location": identity.location}
    return await _tried(services, found, {"test": True, "scaleSet": scale_set})


@default_router.post("/instar/rolloutPolicy/test", response_model=None)
async def test_default_policy(services: ServicesDep) -> Json:
    """Call each hook and judge of the default policy once, and tell what it answers. A body is ignored.

    As for a set; what is sent names none.
    """
    found = await asyncio.to_thread(services.store.rollout_policies.get, DEFAULT)
    return await _tried(services, found, {"test": True})


async def _tried(services: Services, found: StoredPolicy | None, said: Json) -> Json:
    called = found.policy.hooks if found else ()
    asked = found.policy.judges if found else ()
    answers = await asyncio.gather(
        *(_called(services, one, said) for one in called), *(_asked(services, one, said) for one in asked)
    )
    return {"hooks": answers[: len(called)], "judges": answers[len(called) :]}


async def _called(services: Services, hook: Hook, said: Json) -> Json:
    heard = await services.questions.hook(hook, _drawn(), said, ANSWER_WITHIN)
    told = hooks.judged(hook.model_copy(update={"timeout": ANSWER_WITHIN}), heard, ANSWER_WITHIN)
    if heard.asks_again and heard.retry_after is not None:
        outcome, reason = "asksAgain", f"asks to be asked again in {heard.retry_after.total_seconds():g} s"
    else:
        assert not isinstance(told, timedelta), "its time is over"  # noqa: S101  # so it was said
        outcome, reason = told.outcome.value, told.reason
    return {"name": hook.name, "at": hook.at.value, "origin": hook.origin, "outcome": outcome, "reason": reason}


async def _asked(services: Services, judge: Judge, said: Json) -> Json:
    heard = await services.questions.judge(judge, _drawn(), said, ANSWER_WITHIN)
    told = judges.judged(judge.model_copy(update={"timeout": ANSWER_WITHIN}), heard, ANSWER_WITHIN)
    assert not isinstance(told, timedelta), "its time is over"  # noqa: S101  # so it was said
    return {"name": judge.name, "origin": judge.origin, "outcome": told.outcome.value, "reason": told.reason}


def _drawn() -> str:
    """An id that nobody has heard yet."""
    return f"call_{secrets.token_hex(16)}"
