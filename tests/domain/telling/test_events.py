"""What is told, from what was written down."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from instar.domain.images.images import ImageReference
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import (
    Decision,
    ErrorCode,
    InstanceRecord,
    UpgradeError,
    UpgradeKind,
    UpgradeRecord,
    UpgradeStatus,
)
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.telling.cloud_events import Links, cloud_event
from instar.domain.telling.events import Event, EventType, event_of_hold, events_of_upgrade
from instar.domain.telling.webhooks import Webhook

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GROUP = "/subscriptions/s/resourceGroups/g"
SET = ScaleSetIdentity(
    resource_id=f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web",
    name="web",
    unique_id="u",
    location="here",
)


def told(action: str, before: UpgradeStatus | None = UpgradeStatus.ROLLING_FORWARD, **more: Any) -> list[Event]:
    decision = Decision(sequence=4, at=NOW, batch=2, action=action, reason=f"because {action}")
    record = UpgradeRecord(
        **{
            "scale_set": SET,
            "number": 7,
            "operation_id": "",
            "started_by": StartedBy.PLATFORM,
            "target": ImageReference(publisher="p", offer="o", sku="s", version="2.0"),
            "generation": 1,
            "policy": RollingUpgradePolicy(),
            "status": UpgradeStatus.ROLLING_FORWARD,
            "started_at": NOW,
            "decisions": (decision,),
        }
        | more
    )
    return list(events_of_upgrade(record, record.decisions, before))


def types(events: list[Event]) -> list[str]:
    return [one.type.value for one in events]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("started", ["started"]),
        ("verdict", ["batchDone"]),
        ("parked", ["parked"]),
        ("approval", ["waitingForPerson"]),
        ("completed", ["completed"]),
        ("cancelled", ["cancelled"]),
        ("faulted", ["faulted"]),
        ("batch", []),
        ("rollback", []),
        ("failed", []),
        ("waits", []),
    ],
)
def test_n1_a_decision_tells_by_its_action(action: str, expected: list[str]) -> None:
    assert types(told(action)) == expected


@pytest.mark.parametrize("code", [ErrorCode.UNHEALTHY_BEFORE, ErrorCode.UNHEALTHY_DURING, ErrorCode.UNHEALTHY_UPGRADED])
def test_n1_an_end_by_a_limit_is_a_breach_too(code: ErrorCode) -> None:
    end: dict[str, Any] = {"status": UpgradeStatus.FAULTED, "error": UpgradeError(code=code, message="m")}
    assert types(told("faulted", **end)) == ["breached", "faulted"]
    assert types(told("faulted", None, **end)) == ["breached", "faulted"]
    assert types(told("faulted", UpgradeStatus.ROLLING_BACK, **end)) == ["faulted"], "it was told when it was seen"


def test_n1_a_breach_that_is_rolled_back_is_told_before_that() -> None:
    assert types(told("rollback", status=UpgradeStatus.ROLLING_BACK)) == ["breached"]


def test_n1_an_end_for_another_reason_is_no_breach() -> None:
    error = UpgradeError(code=ErrorCode.IMAGE_UNUSABLE, message="m")
    assert types(told("faulted", status=UpgradeStatus.FAULTED, error=error)) == ["faulted"]


def test_n1_n2_rolled_back_is_told_of_the_instances_that_were_and_a_person_of_those_that_need_one() -> None:
    instances = (
        InstanceRecord(ids="1,3", batch=2, outcome=Outcome.ROLLED_BACK, reasons={"1": "no answer", "3": "502"}),
        InstanceRecord(ids="4", batch=2, outcome=Outcome.ROLLBACK_FAILED),
        InstanceRecord(ids="5-9", batch=2, outcome=Outcome.UPGRADED),
    )
    _, back, person = told("verdict", instances=instances)
    assert (back.type, back.data["instances"]) == (EventType.ROLLED_BACK, "1,3")
    assert back.message == "2 rolled back, healthy or stopped on the previous disk (1,3): no answer"
    assert (person.type, person.data["instances"]) == (EventType.WAITING_FOR_PERSON, "4")
    assert person.message == "1 not healthy after the rollback either, a person is needed (4): because verdict"


def test_n1_what_a_person_does_to_single_instances_is_no_upgrade() -> None:
    assert told("started", kind=UpgradeKind.INSTANCE_ACTION) == []


def test_n1_what_was_told_before_is_not_told_again() -> None:
    record = UpgradeRecord(
        scale_set=SET,
        number=7,
        operation_id="",
        started_by=StartedBy.USER,
        target=ImageReference(publisher="p", offer="o", sku="s", version="2.0"),
        generation=1,
        policy=RollingUpgradePolicy(),
        status=UpgradeStatus.FAULTED,
        started_at=NOW,
        error=UpgradeError(code=ErrorCode.UNHEALTHY_UPGRADED, message="m"),
        instances=(InstanceRecord(ids="1", batch=1, outcome=Outcome.ROLLED_BACK),),
    )
    assert events_of_upgrade(record, (), UpgradeStatus.ROLLING_FORWARD) == ()


def test_n1_ids_tell_events_apart_and_have_no_dot() -> None:
    instances = (InstanceRecord(ids="1", batch=2, outcome=Outcome.ROLLED_BACK),)
    events = [*told("verdict", instances=instances), *told("started")]
    assert len({one.id for one in events}) == len(events) == 3
    assert told("verdict")[0].id == events[0].id
    assert all(one.id.replace("_", "").isalnum() and len(one.id) < 64 for one in events)


def test_n2_an_event_has_one_sentence_and_links_to_the_set_the_upgrade_and_its_workflow() -> None:
    [event] = told("completed")
    body = json.loads(cloud_event(event, Links("https://instar.example", "https://temporal.example", "main")))
    assert {"specversion", "id", "source", "type"} <= set(body)
    assert (body["type"], body["time"]) == ("instar.completed", "2026-03-01T12:00:00Z")
    assert body["data"]["message"] == "because completed"
    links = body["data"]["links"]
    assert links["scaleSet"] == f"https://instar.example{SET.resource_id}?api-version=2026-04-01"
    assert links["upgrade"].startswith(f"https://instar.example{SET.resource_id}/rollingUpgrades/latest?")
    assert links["workflow"] == "https://temporal.example/namespaces/main/workflows/" + event.workflow_id.replace(
        "/", "%2F"
    )
    bare = json.loads(cloud_event(event, Links()))["data"]["links"]
    assert bare["scaleSet"].startswith("/subscriptions/")
    assert "workflow" not in bare
    assert bare["workflowId"] == event.workflow_id


def hold(scope: str) -> Event:
    return event_of_hold("freeze", scope, "a long weekend", NOW, ended=False)


def test_n1_a_hold_and_its_end_are_two_events_with_their_reason() -> None:
    placed, ended = hold("/"), event_of_hold("freeze", "/", "it is over", NOW, ended=True)
    assert (placed.type, ended.type) == (EventType.HELD, EventType.HOLD_ENDED)
    assert placed.id != ended.id
    assert ended.message == "hold freeze of / is ended: it is over"


@pytest.mark.parametrize(
    ("scope", "event_scope", "wanted"),
    [("/", GROUP, True), (GROUP, "/", True), (GROUP, f"{GROUP}/x", True), (GROUP, "/subscriptions/other", False)],
)
def test_n1_a_hold_is_told_to_whoever_it_holds(scope: str, event_scope: str, wanted: bool) -> None:
    assert Webhook(id="w", name="w", scope=scope, origin="o").wants(hold(event_scope)) is wanted


def test_n1_a_webhook_that_is_off_wants_nothing() -> None:
    [event] = told("started")
    on = Webhook(id="w", name="w", scope="/", origin="o")
    assert on.wants(event)
    assert not on.model_copy(update={"enabled": False}).wants(event)


def test_n1_what_happens_in_a_set_is_not_told_to_a_scope_below_it() -> None:
    [event] = told("started")
    assert Webhook(id="w", name="w", scope=SET.resource_id, origin="o").wants(event)
    assert not Webhook(id="w", name="w", scope=f"{SET.resource_id}/virtualMachines/0", origin="o").wants(event)
