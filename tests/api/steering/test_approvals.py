"""What a person says at a gate (docs/rules.md G3)."""

from datetime import timedelta
from typing import Any

import pytest

from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.steering.next_step import Known, Stop, next_step
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.wishes import Gate, Wishes
from tests.api.conftest import SCALE_SET, Api, error_of
from tests.api.steering.running import run_upgrade

STATUS = f"{SCALE_SET}/instar/automaticOSUpgrades"
FIRST = RolloutPolicy(approval="first")
APPROVE, REJECT = f"{SCALE_SET}/instar/approve", f"{SCALE_SET}/instar/reject"


def wishes(api: Api, number: int = 3) -> Wishes:
    identity = api.stored().identity
    return api.store.wishes.binding(identity.unique_id, identity.resource_id, api.clock(), number)


async def at_the_gate(api: Api) -> None:
    await api.create()
    run_upgrade(api, 3)
    api.store.wishes.ask(api.stored().identity.unique_id, 3, Gate.FIRST, api.clock())


async def test_g3_an_approval_lets_it_pass_and_is_asked_for_once(api: Api) -> None:
    await at_the_gate(api)
    known = Known(now=api.clock(), wishes=wishes(api), policy=FIRST)
    assert next_step(known) is not None
    shown = (await api.get(STATUS))["properties"]["approval"]
    assert shown == {"gate": "first", "since": "2026-03-01T12:00:00.1234+00:00"}
    answer = await api.call("POST", APPROVE, {"reason": "canary is fine"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["gate"], answer.json()["approved"]) == ("first", True)
    again = await api.call("POST", APPROVE)
    assert again.json() == answer.json(), "the first word counts"
    assert next_step(known.model_copy(update={"wishes": wishes(api)})) is None
    refused = await api.call("POST", REJECT, {"reason": "too late"})
    assert (refused.status_code, "approved by" in error_of(refused)["message"]) == (409, True)
    assert api.gateway.looks_again == [3, 3]
    assert "approval" not in (await api.get(STATUS))["properties"], "nobody is waited for any more"


async def test_g3_a_rejection_ends_it_and_says_who_and_why(api: Api) -> None:
    await at_the_gate(api)
    assert (await api.call("POST", REJECT)).status_code == 400, "why?"
    assert (await api.call("POST", REJECT, {"reason": "errors went up"})).status_code == 200
    step = next_step(Known(now=api.clock(), wishes=wishes(api), policy=FIRST))
    assert isinstance(step, Stop)
    assert "rejected by" in step.reason
    assert "errors went up" in step.reason


async def test_g3_the_gate_that_is_meant_is_answered_and_no_other(api: Api) -> None:
    await at_the_gate(api)
    assert (await api.call("POST", APPROVE, {"upgrade": 3, "gate": "first"})).status_code == 200
    unique_id = api.stored().identity.unique_id
    api.clock.advance(timedelta(minutes=1))
    api.store.wishes.ask(unique_id, 3, Gate.AFTER_CANARY, api.clock())
    for path in (APPROVE, REJECT):
        late = await api.call("POST", path, {"upgrade": 3, "gate": "first", "reason": "seen an hour ago"})
        assert (late.status_code, "waits at the gate 'afterCanary'" in error_of(late)["message"]) == (409, True)
    run_upgrade(api, 3, UpgradeStatus.COMPLETED)
    ended = await api.call("POST", REJECT, {"upgrade": 3, "gate": "afterCanary", "reason": "r"})
    assert error_of(ended)["message"] == "Upgrade 3 of the scale set 'web' has ended: Completed. Nothing was done."
    run_upgrade(api, 4)
    api.store.wishes.ask(unique_id, 4, Gate.AFTER_CANARY, api.clock())
    other = await api.call("POST", APPROVE, {"upgrade": 3, "gate": "afterCanary"})
    assert (other.status_code, "upgrade 4 has begun since" in error_of(other)["message"]) == (409, True)
    assert wishes(api, 4).open_gate is Gate.AFTER_CANARY
    early = await api.call("POST", APPROVE, {"upgrade": 5})
    assert early.status_code == 409, "it is another one that waits"
    assert wishes(api, 4).open_gate is Gate.AFTER_CANARY


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"upgrade": 0}, "upgrade"),
        ({"upgrade": "3"}, "upgrade"),
        ({"upgrade": True}, "upgrade"),
        ({"upgrade": 10**9}, "upgrade"),
        ({"gate": "last"}, "gate"),
        ({"gate": []}, "gate"),
        ({"gates": "first"}, "gates"),
    ],
)
async def test_g3_nonsense_at_a_gate_is_refused_by_name(api: Api, body: Any, target: str) -> None:
    await at_the_gate(api)
    refused = await api.call("POST", APPROVE, body)
    assert (refused.status_code, error_of(refused)["target"]) == (400, target)
    assert wishes(api).approvals == ()


async def test_g3_where_nothing_waits_for_it_nothing_is_approved(api: Api) -> None:
    await api.create()
    assert (await api.call("POST", APPROVE)).status_code == 409
    run_upgrade(api, 3)
    answer = await api.call("POST", APPROVE)
    assert "waits for no approval" in error_of(answer)["message"]
    run_upgrade(api, 3, UpgradeStatus.CANCELLED)
    assert (await api.call("POST", APPROVE)).status_code == 409
    assert wishes(api).approvals == ()
