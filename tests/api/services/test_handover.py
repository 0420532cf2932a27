"""What was written down is handed over, whoever is killed when (docs/rules.md F6)."""

import asyncio
import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from api.services import handover
from api.services.dependencies import Services
from api.wire.errors import not_allowed, unavailable
from instar.domain.messages.scale_set import DeleteScaleSet
from instar.domain.records.operations import OperationKind, OperationStatus
from instar.store.errors import Unavailable
from instar.store.sets.outbox import CLAIM
from tests.api.conftest import DOCUMENT, SCALE_SET, Api, document

AWAY = unavailable("Temporal is away")


class Killed(BaseException):
    """The process ends here, and nothing of it goes on."""


REQUESTS: dict[str, tuple[str, str, Any]] = {
    "put": ("PUT", SCALE_SET, document(sku__capacity=5)),
    "patch": ("PATCH", SCALE_SET, {"sku": {"capacity": 5}}),
    "delete": ("DELETE", SCALE_SET, None),
    "start": ("POST", f"{SCALE_SET}/osRollingUpgrade", None),
    "cancel": ("POST", f"{SCALE_SET}/rollingUpgrades/cancel", None),
    "manualupgrade": ("POST", f"{SCALE_SET}/manualupgrade", {"instanceIds": ["0"]}),
    "reimage": ("POST", f"{SCALE_SET}/reimage", None),
    "restart": ("POST", f"{SCALE_SET}/restart", None),
    "powerOff": ("POST", f"{SCALE_SET}/poweroff", None),
    "deallocate": ("POST", f"{SCALE_SET}/deallocate", None),
    "switch on": ("POST", f"{SCALE_SET}/start", None),
    "redeploy": ("POST", f"{SCALE_SET}/redeploy", None),
    "reimageall": ("POST", f"{SCALE_SET}/reimageall", None),
    "reimage of one": ("POST", f"{SCALE_SET}/virtualMachines/0/reimage", None),
    "restart of one": ("POST", f"{SCALE_SET}/virtualMachines/0/restart", None),
    "instances": ("POST", f"{SCALE_SET}/delete", {"instanceIds": ["0"]}),
    "instance": ("DELETE", f"{SCALE_SET}/virtualMachines/0", None),
    "protection": (
        "PUT",
        f"{SCALE_SET}/virtualMachines/0",
        {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}},
    ),
    "extension": (
        "PUT",
        f"{SCALE_SET}/extensions/agent",
        {"properties": {"publisher": "contoso", "type": "agent", "typeHandlerVersion": "1.0"}},
    ),
    "extension gone": ("DELETE", f"{SCALE_SET}/extensions/setup", None),
}

POINTS = ("before it is handed over", "while it is handed over", "before that is written down")


def killed_at(api: Api, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever handles the next request dies there."""

    async def die(*_: object) -> None:
        raise Killed

    def die_at_once(*_: object) -> None:
        raise Killed

    match point:
        case "before it is handed over":
            monkeypatch.setattr(api.store.outbox, "claim", die_at_once)
        case "while it is handed over":
            monkeypatch.setattr(api.gateway, "send", die)
        case _:
            monkeypatch.setattr(api.store.outbox, "taken", die_at_once)


def services(api: Api) -> Services:
    found: Services = api.app.state.services
    return found


async def ready(api: Api) -> None:
    await api.create()
    await api.add_machines(3)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("request_", REQUESTS)
async def test_f6_whoever_is_killed_before_the_answer_another_process_hands_it_over(
    api: Api, request_: str, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ready(api)
    method, path, body = REQUESTS[request_]
    before = len(api.gateway.sent)
    with monkeypatch.context() as patch:
        killed_at(api, point, patch)
        with pytest.raises(Killed):
            await api.call(method, path, body)
    unique_id = api.stored().identity.unique_id
    [operation] = api.store.operations.running(unique_id)
    api.clock.advance(CLAIM)
    await handover.tend_once(services(api))
    sent = [message.operation_id for _, message in api.gateway.sent[before:]]
    assert set(sent) == {operation.id}
    assert not api.store.outbox.waits(operation.id)
    again = len(api.gateway.sent)
    await handover.tend_once(services(api))
    assert len(api.gateway.sent) == again, "what was taken is not handed over again"


@pytest.mark.parametrize("request_", REQUESTS)
async def test_f6_nothing_is_asked_that_was_not_written_down(
    api: Api, request_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ready(api)
    method, path, body = REQUESTS[request_]
    before, stored = len(api.gateway.sent), api.stored()

    def away(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("instar.store.operations.insert", away)
        with pytest.raises(Killed):
            await api.call(method, path, body)
    assert api.stored() == stored, "the model, the operation and the message are one transaction"
    assert api.store.operations.running(stored.identity.unique_id) == []
    assert len(api.gateway.sent) == before


async def test_f6_what_waits_is_handed_over_in_the_order_of_the_asking(api: Api) -> None:
    await ready(api)
    api.gateway.error = AWAY
    asked = []
    for _ in range(5):
        api.clock.advance(timedelta(seconds=1))
        answer = await api.call("POST", f"{SCALE_SET}/restart")
        assert answer.status_code == 202
        asked.append(answer.headers["x-ms-request-id"])
    api.gateway.error = None
    before = len(api.gateway.sent)
    await handover.tend_once(services(api))
    assert [message.operation_id for _, message in api.gateway.sent[before:]] == asked


async def test_f6_a_later_request_hands_over_what_waits_before_it(api: Api) -> None:
    await ready(api)
    api.gateway.error = AWAY
    await api.call("POST", f"{SCALE_SET}/osRollingUpgrade")
    api.clock.advance(timedelta(seconds=1))
    api.gateway.error = None
    before = len(api.gateway.sent)
    await api.call("POST", f"{SCALE_SET}/rollingUpgrades/cancel")
    assert [type(message).__name__ for _, message in api.gateway.sent[before:]] == ["StartUpgrade", "CancelUpgrade"]


async def test_f6_a_refusal_that_comes_late_ends_the_operation(api: Api) -> None:
    await ready(api)
    api.gateway.error = AWAY
    answer = await api.call("POST", f"{SCALE_SET}/osRollingUpgrade")
    api.gateway.error = not_allowed("a Rolling Upgrade is in progress")
    await handover.tend_once(services(api))
    ended = api.store.operations.get(answer.headers["x-ms-request-id"])
    assert ended is not None
    assert (ended.status, ended.error_code) == (OperationStatus.FAILED, "OperationNotAllowed")


@pytest.mark.parametrize(("request_", "status"), [("delete", "Succeeded"), ("restart", "Canceled")])
async def test_f6_what_waits_for_a_set_that_is_gone_ends(api: Api, request_: str, status: str) -> None:
    await ready(api)
    api.gateway.error = AWAY
    method, path, body = REQUESTS[request_]
    answer = await api.call(method, path, body)
    api.store.scale_sets.delete(api.stored().identity.unique_id)
    await handover.tend_once(services(api))
    ended = api.store.operations.get(answer.headers["x-ms-request-id"])
    assert ended is not None
    assert ended.status == status


async def test_f6_a_503_ends_nothing_that_may_still_be_done(api: Api) -> None:
    await ready(api)
    api.gateway.error = AWAY
    answer = await api.call("POST", f"{SCALE_SET}/restart")
    running = api.store.operations.get(answer.headers["x-ms-request-id"])
    assert running is not None
    assert running.status is OperationStatus.IN_PROGRESS
    assert api.store.outbox.waits(running.id)


async def test_f6_two_processes_hand_one_message_over_once(api: Api) -> None:
    await ready(api)
    api.gateway.error = AWAY
    await api.call("POST", f"{SCALE_SET}/restart")
    api.gateway.error = None
    before = len(api.gateway.sent)
    another = dataclasses.replace(services(api))
    await asyncio.gather(handover.tend_once(services(api)), handover.tend_once(another))
    assert len(api.gateway.sent) == before + 1


async def test_f6_a_claim_of_a_process_that_died_lapses(api: Api) -> None:
    await ready(api)
    api.gateway.error = AWAY
    await api.call("POST", f"{SCALE_SET}/restart")
    unique_id = api.stored().identity.unique_id
    assert api.store.outbox.claim(unique_id, api.clock()) is not None
    assert api.store.outbox.claim(unique_id, api.clock()) is None
    api.clock.advance(CLAIM)
    assert api.store.outbox.claim(unique_id, api.clock()) is not None


async def test_f6_a_deletion_that_is_repeated_deletes_whatever_became_of_the_first(api: Api) -> None:
    await ready(api)
    first = await api.call("DELETE", SCALE_SET)
    second = await api.call("DELETE", SCALE_SET)
    assert first.headers["Location"] == second.headers["Location"]
    asked = [message for _, message in api.gateway.sent if isinstance(message, DeleteScaleSet)]
    assert len(asked) == 2
    assert asked[0] == asked[1]


async def test_f6_a_refused_request_leaves_nothing_behind(api: Api) -> None:
    await ready(api)
    api.gateway.error = not_allowed("no")
    answer = await api.call("POST", f"{SCALE_SET}/restart")
    assert answer.status_code == 409
    assert api.store.operations.running(api.stored().identity.unique_id) == []
    assert api.store.outbox.sets() == []


Answered = Callable[[Api], httpx.Response]


def operations_of(api: Api, kind: OperationKind) -> list[str]:
    return [one.id for one in api.store.operations.running(api.stored().identity.unique_id) if one.kind is kind]


async def test_f6_a_new_set_is_written_with_its_operation_and_its_message(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        killed_at(api, POINTS[0], patch)
        with pytest.raises(Killed):
            await api.call("PUT", SCALE_SET, DOCUMENT)
    assert len(operations_of(api, OperationKind.PUT)) == 1
    await handover.tend_once(services(api))
    assert [message.operation_id for _, message in api.gateway.sent] == operations_of(api, OperationKind.PUT)


async def test_f6_a_message_that_cannot_be_read_stops_no_other_set_and_ends(api: Api) -> None:
    await ready(api)
    api.gateway.error = AWAY
    first = (await api.call("POST", f"{SCALE_SET}/restart")).headers["x-ms-request-id"]
    api.clock.advance(timedelta(seconds=1))
    second = (await api.call("POST", f"{SCALE_SET}/poweroff")).headers["x-ms-request-id"]
    api.gateway.error = None
    api.store.outbox.again(first, "dance {}")
    before = len(api.gateway.sent)
    await handover.tend_once(services(api))
    assert len(api.gateway.sent) == before, "a newer release may be alive that can read it"
    api.clock.advance(handover.UNREADABLE_FOR)
    await handover.tend_once(services(api))
    ended = api.store.operations.get(first)
    assert ended is not None
    assert ended.status is OperationStatus.FAILED
    assert [message.operation_id for _, message in api.gateway.sent[before:]] == [second]


async def test_f6_one_set_at_which_the_api_fails_keeps_no_other_waiting(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ready(api)
    other = SCALE_SET.replace("/web", "/other")
    await api.create(other)
    api.gateway.error = AWAY
    await api.call("POST", f"{SCALE_SET}/restart")
    answer = await api.call("POST", f"{other}/restart")
    api.gateway.error = None
    send = api.gateway.send

    async def fails_at_web(scale_set: Any, message: Any) -> None:
        if scale_set.name == "web":
            raise KeyError("a record that cannot be read")
        await send(scale_set, message)

    monkeypatch.setattr(api.gateway, "send", fails_at_web)
    await handover.tend_once(services(api))
    assert not api.store.outbox.waits(answer.headers["x-ms-request-id"])
    [waits] = api.store.operations.running(api.stored().identity.unique_id)
    assert waits.waits_for
    assert api.store.outbox.waits(waits.id)


async def test_f6_a_store_that_goes_away_after_it_was_written_down_is_no_503(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ready(api)

    def away(*_: object) -> None:
        raise Unavailable("the database does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(api.store.outbox, "claim", away)
        answer = await api.call("POST", f"{SCALE_SET}/restart")
    assert answer.status_code == 202
    assert api.store.outbox.waits(answer.headers["x-ms-request-id"])


async def test_f6_why_it_waits_is_logged_once_and_not_at_each_try(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    await ready(api)
    api.gateway.error = AWAY
    await api.call("POST", f"{SCALE_SET}/restart")
    for _ in range(5):
        await handover.tend_once(services(api))
    assert len([one for one in caplog.records if "Temporal is away" in one.getMessage()]) == 1
