"""Sets whose rollout policy has hooks and judges, and what these were told."""

from collections import Counter
from datetime import timedelta
from typing import Any

from instar.domain.steering.outside.hooks import Hook, HookPoint
from instar.domain.steering.outside.judges import Judge
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.store.webhooks.webhooks import Place
from tests.support.models import NEW
from tests.support.receivers import SECRET, Receiver
from tests.support.world import BOOT, World

HALVES = {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50, "maxUnhealthyUpgradedInstancePercent": 50}


def hook(world: World, there: Receiver, at: HookPoint, name: str = "drain", **rules: Any) -> Hook:
    """One that is called there."""
    place = world.store.places.add(Place(there.url, SECRET), world.clock())
    return Hook(name=name, at=at, place=place, origin=f"http://127.0.0.1:{there.port}", **rules)


def pair(world: World, there: Receiver, **rules: Any) -> tuple[Hook, ...]:
    """An opening hook with these rules, and a closing one."""
    opening = hook(world, there, HookPoint.BEFORE_SWAP, **rules)
    return (opening, hook(world, there, HookPoint.AFTER_HEALTHY, name="back", otherwise="proceed"))


def judge(world: World, there: Receiver, name: str = "slo", **rules: Any) -> Judge:
    """One that is asked there."""
    place = world.store.places.add(Place(there.url, SECRET), world.clock())
    return Judge(name=name, place=place, origin=f"http://127.0.0.1:{there.port}", **rules)


async def has_policy(world: World, size: int = 4, boot: timedelta = BOOT, **policy: Any) -> None:
    """A set of halves with that policy, and something new to upgrade to."""
    await world.has_set(size, boot=boot, policy=HALVES)
    unique_id = world.scale_set.unique_id
    world.store.rollout_policies.put(unique_id, RolloutPolicy(**policy), "ann", world.clock(), "", lambda _: None)
    world.publish(NEW)


def machines(there: Receiver, at: HookPoint) -> Counter[str]:
    """How often each machine was told at that point, retries left out."""
    told = {got.headers["webhook-id"]: got.event for got in there.got if got.event.get("at") == at}
    return Counter(event["instance"]["id"] for event in told.values())


def became(there: Receiver) -> dict[str, str]:
    """What closing hooks were told of each machine; "" of one that is well."""
    return {
        got.event["instance"]["id"]: got.event.get("why", "")
        for got in there.got
        if got.event.get("at") == HookPoint.AFTER_HEALTHY
    }


def paired(there: Receiver) -> bool:
    """Whether each machine that was opened was closed, once, and no other."""
    opened, closed = machines(there, HookPoint.BEFORE_SWAP), machines(there, HookPoint.AFTER_HEALTHY)
    return opened == closed and all(count == 1 for count in opened.values())


def none_is_open(there: Receiver) -> bool:
    """Whether each machine that was opened was closed, and none twice.

    Where a stop or a cancel cuts calls off, nobody knows which of them arrived: all are closed.
    """
    opened, closed = machines(there, HookPoint.BEFORE_SWAP), machines(there, HookPoint.AFTER_HEALTHY)
    return opened <= closed and all(count == 1 for count in closed.values())
