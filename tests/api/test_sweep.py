"""Sets whose workflow is gone, operations that are in nobody's hand: found and mended (behaviour.md F1, F6, F8)."""

from datetime import timedelta

import pytest

from api.dependencies import Services
from api.sweep import sweep
from domain.messages.updates import read
from domain.names import WorkflowType, scale_set_workflow_id
from domain.operations import OperationStatus
from store.outbox import CLAIM
from tests.api.conftest import SCALE_SET, Api
from tests.api.test_handover import REQUESTS, ready, services

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
    if request_ in ("put", "patch", "delete", "extension"):
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
