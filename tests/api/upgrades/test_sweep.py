"""Sets whose workflow is gone, operations that are in nobody's hand: found and mended (docs/rules.md F1, F6, F8)."""

from datetime import timedelta

import pytest

from api.services.dependencies import Services
from api.services.handover import tend_once
from api.upgrades.sweep import sweep
from api.wire.errors import unavailable
from instar.domain.looks.kept import KeptLook
from instar.domain.messages.keepers import Keeps
from instar.domain.messages.scale_set import ApplyModel, DeleteScaleSet
from instar.domain.messages.updates import read
from instar.domain.records.operations import OperationKind, OperationStatus
from instar.domain.sets.names import LOOKS, WorkflowType, scale_set_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.errors import Missing
from instar.store.looks.looks import Look
from instar.store.sets.outbox import CLAIM
from tests.api.conftest import IMAGE, SCALE_SET, Api
from tests.api.services.test_handover import REQUESTS, ready, services

LONG = timedelta(minutes=10)


def runs(api: Api, kind: str = WorkflowType.SCALE_SET) -> Services:
    api.gateway.workflows = {scale_set_workflow_id(api.stored().identity): kind}
    return services(api)


async def test_f1_a_set_whose_workflow_is_gone_is_begun_anew(api: Api) -> None:
    await ready(api)
    api.clock.advance(LONG)
    await sweep(services(api))
    assert api.gateway.begun == ["web"]


async def test_f1_a_set_whose_workflow_runs_is_let_be_and_so_is_one_that_was_just_made(api: Api) -> None:
    await ready(api)
    await sweep(services(api))
    api.clock.advance(LONG)
    await sweep(runs(api))
    assert api.gateway.begun == []
    assert api.gateway.told_to_move_on == []


async def test_f8_a_set_of_an_older_release_is_told_to_move_on(api: Api) -> None:
    await ready(api)
    api.clock.advance(LONG)
    await sweep(runs(api, WorkflowType.SCALE_SET_0_1))
    assert api.gateway.told_to_move_on == [scale_set_workflow_id(api.stored().identity)]
    assert api.gateway.begun == []


@pytest.mark.parametrize("request_", REQUESTS)
async def test_f6_an_operation_that_was_lost_is_asked_for_again_or_ends(api: Api, request_: str) -> None:
    await ready(api)
    method, path, body = REQUESTS[request_]
    answer = await api.call(method, path, body)
    assert answer.is_success, answer.text
    [operation] = api.store.operations.running(api.stored().identity.unique_id)
    api.clock.advance(LONG)
    await sweep(runs(api))
    api.clock.advance(CLAIM)
    if request_ in ("put", "patch", "delete", "extension", "extension gone"):
        waiting = api.store.outbox.claim(operation.scale_set_unique_id, api.clock())
        assert waiting is not None
        assert read(waiting.message) == api.gateway.last
        return
    ended = api.store.operations.get(operation.id)
    assert ended is not None
    assert ended.status is OperationStatus.FAILED
    assert ended.error_message.endswith("Ask for it again.")


@pytest.mark.parametrize("request_", REQUESTS)
async def test_f6_an_operation_that_the_set_has_in_hand_is_let_be(api: Api, request_: str) -> None:
    await ready(api)
    method, path, body = REQUESTS[request_]
    await api.call(method, path, body)
    [operation] = api.store.operations.running(api.stored().identity.unique_id)
    api.gateway.in_hand = frozenset({operation.id})
    api.clock.advance(LONG)
    await sweep(runs(api))
    after = api.store.operations.get(operation.id)
    assert after is not None
    assert after.status is OperationStatus.IN_PROGRESS
    assert not api.store.outbox.waits(operation.id)


async def test_f6_a_set_that_cannot_be_asked_is_let_be(api: Api) -> None:
    await ready(api)
    await api.call("POST", f"{SCALE_SET}/restart")
    api.gateway.in_hand = None
    api.clock.advance(LONG)
    await sweep(runs(api))
    [operation] = api.store.operations.running(api.stored().identity.unique_id)
    assert operation.status is OperationStatus.IN_PROGRESS


async def test_f1_a_set_that_cannot_be_begun_keeps_no_other_from_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await ready(api)
    await api.create(SCALE_SET.replace("/web", "/other"))
    api.clock.advance(LONG)
    begun = []

    async def fails_first(scale_set: ScaleSetIdentity) -> None:
        begun.append(scale_set.name)
        if len(begun) == 1:
            raise Missing("it was deleted meanwhile")

    monkeypatch.setattr(api.gateway, "begin", fails_first)
    await sweep(services(api))
    assert sorted(begun) == ["other", "web"]


async def test_f6_operations_are_mended_where_temporal_cannot_list(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await ready(api)
    answer = await api.call("POST", f"{SCALE_SET}/restart")
    api.clock.advance(LONG)

    async def cannot_list() -> dict[str, str]:
        raise unavailable("this server lists nothing")

    monkeypatch.setattr(api.gateway, "running", cannot_list)
    await sweep(services(api))
    ended = api.store.operations.get(answer.headers["x-ms-request-id"])
    assert ended is not None
    assert ended.status is OperationStatus.FAILED
    assert api.gateway.begun == []


async def test_f6_a_set_that_was_made_while_the_sweep_went_on_is_not_taken_for_gone(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ready(api)
    answer = await api.call("POST", f"{SCALE_SET}/restart")
    api.gateway.in_hand = frozenset({answer.headers["x-ms-request-id"]})
    api.clock.advance(LONG)
    monkeypatch.setattr(api.store.scale_sets, "identities", tuple)
    await sweep(services(api))
    running = api.store.operations.get(answer.headers["x-ms-request-id"])
    assert running is not None
    assert running.status is OperationStatus.IN_PROGRESS


async def test_f6_a_set_in_deletion_that_nobody_deletes_is_deleted(api: Api) -> None:
    await ready(api)
    unique_id = api.stored().identity.unique_id
    api.store.scale_sets.mark_deleting(unique_id)
    await sweep(runs(api))
    await sweep(runs(api))
    [operation] = api.store.operations.running(unique_id)
    assert operation.kind is OperationKind.DELETE
    assert api.store.outbox.waits(operation.id)
    await tend_once(services(api))
    assert api.gateway.last == DeleteScaleSet(operation_id=operation.id)


@pytest.mark.parametrize("lost", ["its operation ended as failed by a 503", "it has no operation"])
async def test_f6_a_model_that_an_older_release_told_nobody_is_announced(api: Api, lost: str) -> None:
    await ready(api)
    api.clock.advance(timedelta(seconds=1))
    answer = await api.call("PATCH", SCALE_SET, {"sku": {"capacity": 5}})
    [operation] = api.store.operations.running(api.stored().identity.unique_id)
    assert answer.is_success
    if lost == "it has no operation":
        for _, message in api.gateway.sent:
            api.store.operations.discard(message.operation_id)
    else:
        failed, code = OperationStatus.FAILED, unavailable("away").code
        api.store.operations.end(operation.id, failed, api.clock(), code, "away")
    before = len(api.gateway.sent)
    for _ in range(2):
        await sweep(runs(api))
    await tend_once(services(api))
    assert [(type(one), one.generation) for _, one in api.gateway.sent[before:] if isinstance(one, ApplyModel)] == [
        (ApplyModel, api.stored().generation)
    ]


async def test_f6_a_model_that_failed_for_its_own_sake_is_not_announced_again(api: Api) -> None:
    await ready(api)
    await api.call("PATCH", SCALE_SET, {"sku": {"capacity": 5}})
    [operation] = api.store.operations.running(api.stored().identity.unique_id)
    api.store.operations.end(operation.id, OperationStatus.FAILED, api.clock(), "AllocationFailed", "no room")
    await sweep(runs(api))
    assert api.store.outbox.sets() == []


def left_to_others(api: Api, due: timedelta) -> None:
    one = api.stored().identity
    moment = api.clock() + due
    api.store.looks.leave(Look(one.unique_id, one.location, IMAGE.line, api.clock(), "", moment, KeptLook()))


async def test_t2_whoever_looks_for_idle_sets_is_begun_anew_and_woken_only_where_looks_are_late(api: Api) -> None:
    await ready(api)
    swept = runs(api)
    for one in api.store.publications.all():
        api.store.publications.told(one)
    await sweep(swept)
    assert api.gateway.keepers == []
    left_to_others(api, timedelta(minutes=30))
    await sweep(swept)
    assert (api.gateway.keepers, api.gateway.woken) == ([Keeps(what=LOOKS)], 0)
    api.clock.advance(timedelta(minutes=31))
    await sweep(swept)
    assert api.gateway.woken == 0
    api.clock.advance(timedelta(minutes=2))
    await sweep(swept)
    assert api.gateway.woken == 1


async def test_t2_a_publication_of_which_nobody_was_told_is_found(api: Api) -> None:
    await ready(api)
    api.store.images.publish("a", "b", "c", "1.2.3", "westus2", {}, api.clock())
    await sweep(runs(api))
    assert api.gateway.woken == 1
    for one in api.store.publications.all():
        api.store.publications.told(one)
    await sweep(runs(api))
    assert api.gateway.woken == 1
