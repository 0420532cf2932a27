"""`rollingUpgrades/latest?$expand=forecast` (docs/rules.md C6)."""

from datetime import timedelta
from typing import Any

import pytest

from instar.compute.errors import Unavailable
from instar.compute.simulated.fleet import SimulatedFleet
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import Decision, InstanceRecord, UpgradeStart, UpgradeStatus
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.wishes import Pause
from tests.api.conftest import SCALE_SET, Api
from tests.api.steering.running import run_upgrade
from tests.api.steering.test_plans import rested

LATEST = f"{SCALE_SET}/rollingUpgrades/latest"


async def shown(api: Api) -> dict[str, Any]:
    answer = await api.http.get(LATEST, params={"api-version": "2024-11-01", "$expand": "forecast"})
    assert answer.status_code == 200, answer.text
    properties: dict[str, Any] = answer.json()["properties"]
    return properties


async def halfway(api: Api, *more: tuple[str, str], rollout: RolloutPolicy | None = None) -> None:
    """Four machines one by one: two batches are done, in four minutes."""
    await rested(api, 4)
    run_upgrade(api, 1)
    record = api.store.upgrades.get(api.stored().identity.unique_id, 1)
    assert record is not None
    began, decisions = api.clock(), list[Decision]()
    api.clock.advance(timedelta(minutes=4))
    told = [("started", 0, 0), ("batch", 1, 0), ("verdict", 1, 2), ("batch", 2, 2), ("verdict", 2, 4)]
    reasons = [
        *((action, batch, minute, "r") for action, batch, minute in told),
        *((one, 2, 4, why) for one, why in more),
    ]
    for action, batch, minute, why in reasons:
        at = began + timedelta(minutes=minute)
        decisions.append(Decision(sequence=len(decisions) + 1, at=at, batch=batch, action=action, reason=why))
    rows = (
        InstanceRecord(ids="0", batch=1, outcome=Outcome.UPGRADED),
        InstanceRecord(ids="1", batch=2, outcome=Outcome.UPGRADED),
        InstanceRecord(ids="2-3", batch=0, outcome=Outcome.PENDING),
    )
    start = UpgradeStart(rollout=rollout) if rollout else None
    api.store.upgrades.write(
        record.model_copy(update={"decisions": tuple(decisions), "instances": rows, "start": start})
    )


async def test_c6_how_far_it_is_and_when_it_ends(api: Api) -> None:
    await halfway(api)
    told = (await shown(api))["forecast"]
    assert (told["batchesDone"], told["batchesToCome"], told["batchWorkedOn"]) == (2, 2, False)
    assert (told["elapsed"], told["remaining"]) == ("PT4M", "PT4M")
    assert told["pace"] == {"batch": "PT2M", "longest": "PT2M", "by": "thisUpgrade"}
    assert told["ends"].startswith("2026-03-01T13:08:00")
    assert told["told"].startswith("2 of 4 batches done in 4 minutes; about 4 minutes more")
    assert "parked" not in told


async def test_c6_azures_shape_is_as_it_was_where_nobody_asks(api: Api) -> None:
    await halfway(api)
    assert "forecast" not in (await api.get(LATEST))["properties"]
    run_upgrade(api, 2, UpgradeStatus.COMPLETED)
    assert "forecast" not in await shown(api), "it has ended"


async def test_c6_p1_it_goes_by_the_policy_that_was_pinned(api: Api) -> None:
    """The pinned one bakes for an hour; the set's own of today does not."""
    await halfway(api, rollout=RolloutPolicy(bake=timedelta(hours=1)))
    unique_id = api.stored().identity.unique_id
    api.store.rollout_policies.put(unique_id, RolloutPolicy(waves=(1,)), "ann", api.clock(), "", lambda _: None)
    told = (await shown(api))["forecast"]
    assert told["remaining"] == "PT3H4M"


async def test_c6_a_parked_one_says_what_it_waits_for_and_since_when(api: Api) -> None:
    sentence = "paused by ann since 2026-03-01 13:03Z: disk is full"
    await halfway(api, ("parked", f"parked: {sentence}"))
    since = api.clock() - timedelta(minutes=1)
    pause = Pause(reason="disk is full", by="ann", since=since)
    api.store.wishes.pause(api.stored().identity.unique_id, pause)
    api.clock.advance(timedelta(hours=1))
    told = (await shown(api))["forecast"]
    assert told["parked"] == {"reason": sentence, "since": "2026-03-01T13:04:00.1234+00:00", "for": "pause"}
    assert "ends" not in told
    assert told["remaining"] == "PT4M", "once it goes on"


async def test_c6_where_the_compute_does_not_answer_it_tells_what_is_written_down(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await halfway(api)

    async def away(*_given: Any) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(SimulatedFleet, "list_instances", away)
    told = (await shown(api))["forecast"]
    assert (told["batchesDone"], told["elapsed"]) == (2, "PT4M")
    assert not {"batchesToCome", "ends", "remaining"} & told.keys()
