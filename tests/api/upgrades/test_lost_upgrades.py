"""Upgrades that Temporal does not know end (docs/rules.md F6, F7)."""

from datetime import timedelta

from api.upgrades.sweep import sweep
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.domain.records.upgrades import ErrorCode, UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from tests.api.conftest import Api
from tests.api.services.test_handover import ready
from tests.api.upgrades.test_sweep import LONG, runs
from tests.support.models import IMAGE, NEW


def begun(api: Api, number: int) -> None:
    identity = api.stored().identity
    api.store.operations.create(
        Operation(
            id=f"op-{number}",
            kind=OperationKind.OS_UPGRADE,
            scale_set_unique_id=identity.unique_id,
            subscription_id="00000000-0000-0000-0000-000000000000",
            location="westeurope",
            status=OperationStatus.IN_PROGRESS,
            started_at=api.clock(),
        )
    )
    api.store.upgrades.write(
        UpgradeRecord(
            scale_set=identity,
            number=number,
            operation_id=f"op-{number}",
            started_by=StartedBy.USER,
            target=IMAGE.at(NEW),
            generation=1,
            policy=RollingUpgradePolicy(),
            status=UpgradeStatus.ROLLING_FORWARD,
            started_at=api.clock(),
        )
    )


def state(api: Api, number: int) -> tuple[UpgradeStatus, OperationStatus]:
    record = api.store.upgrades.get(api.stored().identity.unique_id, number)
    operation = api.store.operations.get(f"op-{number}")
    assert record is not None
    assert operation is not None
    return record.status, operation.status


RUNS = (UpgradeStatus.ROLLING_FORWARD, OperationStatus.IN_PROGRESS)
ENDED = (UpgradeStatus.FAULTED, OperationStatus.FAILED)


async def test_f7_an_upgrade_that_a_restored_temporal_does_not_know_ends_with_its_operation(api: Api) -> None:
    await ready(api)
    begun(api, 2)
    api.gateway.closed = {2: "NOT_FOUND"}
    api.clock.advance(LONG)
    await sweep(runs(api))
    assert state(api, 2) == ENDED
    record = api.store.upgrades.get(api.stored().identity.unique_id, 2)
    assert record is not None
    assert record.error is not None
    assert record.error.code == ErrorCode.TERMINATED
    assert "start it again" in record.error.message
    unique_id = api.stored().identity.unique_id
    assert [one.action for one in api.store.upgrades.decisions(unique_id, 2)] == ["faulted"]
    await sweep(runs(api))
    assert len(api.store.upgrades.decisions(unique_id, 2)) == 1


async def test_f7_an_upgrade_that_had_closed_before_older_records_were_put_back_ends_too(api: Api) -> None:
    await ready(api)
    begun(api, 1)
    api.gateway.closed = {1: "COMPLETED"}
    api.clock.advance(LONG)
    await sweep(runs(api))
    assert state(api, 1) == ENDED
    operation = api.store.operations.get("op-1")
    assert operation is not None
    assert operation.error_message == "stopped: the upgrade's workflow was closed (completed)"


async def test_f7_an_upgrade_that_temporal_runs_is_let_be(api: Api) -> None:
    await ready(api)
    begun(api, 1)
    api.clock.advance(LONG)
    await sweep(runs(api))
    assert state(api, 1) == RUNS


async def test_f6_one_that_has_just_begun_is_let_be(api: Api) -> None:
    await ready(api)
    begun(api, 1)
    api.gateway.closed = {1: "NOT_FOUND"}
    api.clock.advance(timedelta(seconds=1))
    await sweep(runs(api))
    assert state(api, 1) == RUNS
