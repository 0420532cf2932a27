"""What a person says at a gate (docs/rules.md G3)."""

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


async def test_g3_where_nothing_waits_for_it_nothing_is_approved(api: Api) -> None:
    await api.create()
    assert (await api.call("POST", APPROVE)).status_code == 409
    run_upgrade(api, 3)
    answer = await api.call("POST", APPROVE)
    assert "waits for no approval" in error_of(answer)["message"]
    run_upgrade(api, 3, UpgradeStatus.CANCELLED)
    assert (await api.call("POST", APPROVE)).status_code == 409
    assert wishes(api).approvals == ()
