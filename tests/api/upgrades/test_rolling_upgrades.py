from datetime import datetime, timedelta
from typing import Any

import pytest

from api.wire.errors import not_allowed, unavailable
from instar.domain.images.images import ImageReference
from instar.domain.messages.scale_set import CancelUpgrade, StartUpgrade
from instar.domain.records.operations import OperationKind, OperationStatus
from instar.domain.records.progress import Counts
from instar.domain.records.upgrades import (
    Decision,
    ErrorDetail,
    InstanceRecord,
    UpgradeError,
    UpgradeRecord,
    UpgradeStatus,
)
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from tests.api.conftest import IMAGE, NEW, SCALE_SET, Api, error_of

POLICY = RollingUpgradePolicy()
TARGET: ImageReference = IMAGE.at(NEW)
LATEST = f"{SCALE_SET}/rollingUpgrades/latest"
HISTORY = f"{SCALE_SET}/osUpgradeHistory"


def record(api: Api, number: int, started_at: datetime, **changes: Any) -> UpgradeRecord:
    made = UpgradeRecord(
        scale_set=api.stored().identity,
        number=number,
        operation_id="",
        started_by=StartedBy.PLATFORM,
        target=TARGET,
        generation=1,
        policy=POLICY,
        status=UpgradeStatus.COMPLETED,
        started_at=started_at,
        ended_at=started_at + timedelta(minutes=10),
        counts=Counts(successful=19, failed=1, rolled_back=1),
    )
    return made.model_copy(update=changes)


@pytest.mark.parametrize(
    ("action", "message", "kind"),
    [
        ("osRollingUpgrade", StartUpgrade, OperationKind.OS_UPGRADE),
        ("rollingUpgrades/cancel", CancelUpgrade, OperationKind.CANCEL),
    ],
)
async def test_start_and_cancel_answer_202_empty_with_both_urls(
    api: Api, action: str, message: type[StartUpgrade | CancelUpgrade], kind: OperationKind
) -> None:
    await api.create()
    answer = await api.call("POST", f"{SCALE_SET}/{action}")
    assert answer.status_code == 202
    assert answer.content == b""
    assert answer.headers["Retry-After"] == "1"
    assert type(api.gateway.last) is message
    operation = api.store.operations.get(answer.headers["x-ms-request-id"])
    assert operation is not None
    assert (operation.kind, operation.status) == (kind, OperationStatus.IN_PROGRESS)
    assert api.gateway.last.operation_id == operation.id

    monitor = await api.http.get(answer.headers["Location"])
    assert (monitor.status_code, monitor.content) == (202, b"")
    assert monitor.headers["Retry-After"] == "1"
    api.store.operations.end(operation.id, OperationStatus.SUCCEEDED, api.clock())
    monitor = await api.http.get(answer.headers["Location"])
    assert (monitor.status_code, monitor.content) == (200, b"")
    status = (await api.http.get(answer.headers["Azure-AsyncOperation"])).json()
    assert status == {
        "name": operation.id,
        "status": "Succeeded",
        "startTime": "2026-03-01T12:00:00.1234+00:00",
        "endTime": "2026-03-01T12:00:00.1234+00:00",
    }


async def test_a_cancelled_start_reads_canceled_with_one_l_and_an_error(api: Api) -> None:
    await api.create()
    answer = await api.call("POST", f"{SCALE_SET}/osRollingUpgrade")
    api.store.operations.end(
        answer.headers["x-ms-request-id"], OperationStatus.CANCELED, api.clock(), "RollingUpgradeCanceled", "by a user"
    )
    status = (await api.http.get(answer.headers["Azure-AsyncOperation"])).json()
    assert status["status"] == "Canceled"
    assert status["error"] == {"code": "RollingUpgradeCanceled", "message": "by a user"}


@pytest.mark.parametrize("action", ["osRollingUpgrade", "rollingUpgrades/cancel"])
async def test_p15_a_refusal_is_409_and_leaves_no_operation(api: Api, action: str) -> None:
    await api.create()
    api.gateway.error = not_allowed("There is no ongoing Rolling Upgrade to cancel.")
    answer = await api.call("POST", f"{SCALE_SET}/{action}")
    assert answer.status_code == 409
    error = error_of(answer)
    assert error == {"code": "OperationNotAllowed", "message": "There is no ongoing Rolling Upgrade to cancel."}
    assert api.store.operations.get(api.gateway.last.operation_id) is None


@pytest.mark.parametrize("action", ["osRollingUpgrade", "rollingUpgrades/cancel"])
async def test_f6_with_temporal_away_it_is_accepted_and_handed_over_later(api: Api, action: str) -> None:
    await api.create()
    api.gateway.error = unavailable("away")
    answer = await api.call("POST", f"{SCALE_SET}/{action}")
    assert answer.status_code == 202
    [running] = api.store.operations.running(api.stored().identity.unique_id)
    assert running.waits_for == "away"
    assert running.waits_since == api.clock()


async def test_a_body_sent_along_with_a_start_is_ignored(api: Api) -> None:
    await api.create()
    answer = await api.http.post(
        f"{SCALE_SET}/osRollingUpgrade", params={"api-version": "2023-09-01"}, content=b"not json"
    )
    assert answer.status_code == 202


async def test_a1_latest_is_404_before_the_first_upgrade(api: Api) -> None:
    await api.create()
    answer = await api.call("GET", LATEST)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "NotFound"


async def test_a1_latest_shows_policy_status_counts_and_error(api: Api) -> None:
    await api.create()
    error = UpgradeError(
        code="RollingUpgradeCanceled", message="by a user", details=(ErrorDetail(code="c", message="m", target="t"),)
    )
    api.store.upgrades.write(
        record(
            api,
            1,
            api.clock(),
            status=UpgradeStatus.CANCELLED,
            counts=Counts(successful=1, failed=2, in_progress=3, pending=4),
            last_action="Cancel",
            last_action_at=api.clock() + timedelta(seconds=1),
            error=error,
        )
    )
    assert await api.get(LATEST) == {
        "name": "latest",
        "id": LATEST,
        "type": "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades",
        "location": "westus2",
        "properties": {
            "policy": {
                "maxSurge": False,
                "maxBatchInstancePercent": 20,
                "maxUnhealthyInstancePercent": 20,
                "maxUnhealthyUpgradedInstancePercent": 20,
                "pauseTimeBetweenBatches": "PT0S",
                "rollbackFailedInstancesOnPolicyBreach": False,
            },
            "runningStatus": {
                "code": "Cancelled",
                "startTime": "2026-03-01T12:00:00.1234+00:00",
                "lastAction": "Cancel",
                "lastActionTime": "2026-03-01T12:00:01.1234+00:00",
            },
            "progress": {
                "successfulInstanceCount": 1,
                "failedInstanceCount": 2,
                "inProgressInstanceCount": 3,
                "pendingInstanceCount": 4,
            },
            "error": {
                "code": "RollingUpgradeCanceled",
                "message": "by a user",
                "details": [{"code": "c", "message": "m", "target": "t"}],
            },
        },
    }


async def test_p17_latest_tells_decisions_and_instances_when_asked(api: Api) -> None:
    await api.create()
    decision = Decision(sequence=1, at=api.clock(), batch=1, action="swap", reason="4 of 20: at most 4")
    rows = InstanceRecord(ids="0-2", batch=1, outcome="rolledBack", reasons={"1": "not healthy in time"})
    api.store.upgrades.write(record(api, 1, api.clock(), decisions=(decision,), instances=(rows,)))
    plain = await api.get(LATEST)
    assert not {"decisions", "instances"} & set(plain["properties"])
    properties = (await api.get(LATEST, _expand="decisions, Instances"))["properties"]
    assert properties["decisions"] == [
        {
            "sequence": 1,
            "time": "2026-03-01T12:00:00.1234+00:00",
            "batch": 1,
            "action": "swap",
            "reason": "4 of 20: at most 4",
        }
    ]
    assert list(properties["instances"]) == ["0", "1", "2"]
    assert properties["instances"]["1"] == {"outcome": "rolledBack", "batch": 1, "reason": "not healthy in time"}


async def test_a2_history_is_the_five_newest_of_two_months_and_more_when_asked(api: Api) -> None:
    await api.create()
    assert await api.get(HISTORY) == {"value": []}
    now = api.clock()
    days_ago = (100, 62, 40, 30, 20, 10, 5, 1)
    for number, days in enumerate(days_ago, 1):
        api.store.upgrades.write(record(api, number, now - timedelta(days=days)))

    def starts(history: dict[str, Any]) -> list[int]:
        moments = [one["properties"]["runningStatus"]["startTime"] for one in history["value"]]
        return [(now - datetime.fromisoformat(one)).days for one in moments]

    assert starts(await api.get(HISTORY)) == [1, 5, 10, 20, 30]
    assert starts(await api.get(HISTORY, _top=2)) == [1, 5]
    assert starts(await api.get(HISTORY, _top=100)) == sorted(days_ago)
    api.clock.advance(timedelta(days=30))
    assert starts(await api.get(HISTORY)) == [1, 5, 10, 20], "those of more than two months ago are left out"


async def test_a2_a_history_item_says_who_what_and_how_it_went(api: Api) -> None:
    await api.create()
    api.store.upgrades.write(record(api, 1, api.clock()))
    [item] = (await api.get(HISTORY))["value"]
    assert item == {
        "type": "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades",
        "location": "westus2",
        "properties": {
            "runningStatus": {
                "code": "Completed",
                "startTime": "2026-03-01T12:00:00.1234+00:00",
                "completedTime": "2026-03-01T12:10:00.1234+00:00",
                "endTime": "2026-03-01T12:10:00.1234+00:00",
            },
            "progress": {
                "successfulInstanceCount": 19,
                "failedInstanceCount": 1,
                "inProgressInstanceCount": 0,
                "pendingInstanceCount": 0,
            },
            "startedBy": "Platform",
            "targetImageReference": {
                "publisher": "Canonical",
                "offer": "UbuntuServer",
                "sku": "18.04-LTS",
                "version": NEW,
            },
            "rollbackInfo": {"successfullyRolledbackInstanceCount": 1, "failedRolledbackInstanceCount": 0},
        },
    }


async def test_p8_a_history_item_tells_who_needs_a_person(api: Api) -> None:
    await api.create()
    stuck = "1 not healthy after their rollback, need a person: 7"
    counts = Counts(successful=17, failed=3, rolled_back=2, rollback_failed=1)
    api.store.upgrades.write(record(api, 1, api.clock(), counts=counts, rollback_error=stuck))
    [item] = (await api.get(HISTORY))["value"]
    assert item["properties"]["progress"]["failedInstanceCount"] == 3
    assert item["properties"]["rollbackInfo"] == {
        "successfullyRolledbackInstanceCount": 2,
        "failedRolledbackInstanceCount": 1,
        "rollbackError": {"code": "RollbackFailed", "message": stuck},
    }


async def test_a2_a_history_item_tells_why_an_upgrade_did_not_complete(api: Api) -> None:
    await api.create()
    error = UpgradeError(code="MaxUnhealthy", message="stopped: 5 of 20", details=(ErrorDetail(code="c", message="m"),))
    api.store.upgrades.write(record(api, 1, api.clock(), status=UpgradeStatus.FAULTED, error=error))
    [item] = (await api.get(HISTORY))["value"]
    assert item["properties"]["runningStatus"]["code"] == "Faulted"
    assert item["properties"]["error"] == {
        "code": "MaxUnhealthy",
        "message": "stopped: 5 of 20",
        "details": [{"code": "c", "message": "m"}],
    }
