"""One sentence for every reader: the log, the Temporal UI, the API and the error (docs/rules.md P17)."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata

from api.shapes.answers import decision_body, history_body, latest_body
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from tests.support.held import held, hold, release
from tests.support.models import NEW
from tests.support.world import World


async def details_in_temporal(world: World) -> str:
    """What the Temporal UI shows as the current details of the upgrade."""
    metadata: Any = await world.upgrade().query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(metadata.current_details)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records)


def sentences(world: World) -> list[str]:
    return [one.reason for one in world.store.upgrades.decisions(world.scale_set.unique_id, 1)]


async def test_p17_why_an_upgrade_stopped_is_the_same_sentence_everywhere(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    result = await world.upgraded()
    sentence = "stopped: 2 of 2 attempted instances unhealthy (100 %), limit 20 %"
    assert result.reason == sentence
    assert f"web upgrade 1: {sentence}" in logged(caplog)
    assert f"**Faulted**: {sentence}" in await details_in_temporal(world)
    record = world.record()
    assert latest_body(record)["properties"]["error"]["message"] == sentence
    assert history_body(record)["properties"]["error"]["message"] == sentence
    last = world.store.upgrades.decisions(world.scale_set.unique_id, 1)[-1]
    assert decision_body(last)["reason"] == sentence


async def test_p17_every_decision_of_an_upgrade_is_told_with_its_reason(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await world.has_set(10, policy={"rollbackFailedInstancesOnPolicyBreach": True})
    world.publish(NEW, VersionScript(never_healthy=("1",)))
    await world.upgraded()
    batch = "2 of 10 waiting instances: at most 2 of 10 (20 %) may be out of service, 0 already are"
    healthy = "go on: 0 of 10 instances unhealthy (0 %), limit 20 %"
    breach = "stopped: 1 of 2 attempted instances unhealthy (50 %), limit 20 %"
    assert sentences(world) == [
        f"pre-check: {healthy}",
        f"batch 1: 0-1: {batch}; {healthy}",
        "1 not healthy (1), kept as they are: no automatic rollback",
        breach,
        f"{breach}; the 1 unhealthy instances of this upgrade get their previous disk",
        breach,
    ]
    for sentence in sentences(world):
        assert f"web upgrade 1: {sentence}" in logged(caplog)


async def test_p17_p8_temporal_counts_whoever_is_sick_as_one_for_a_person_and_nobody_else(world: World) -> None:
    everything = {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50}
    await world.has_set(10, policy=everything | {"maxUnhealthyUpgradedInstancePercent": 100})
    world.publish(NEW, VersionScript(never_healthy=("1", "2")))
    world.fleet.inject(Fault(kind=FaultKind.DISK_NOT_MADE, call=Call.SWAP, instance_id="0", times=1000))
    await world.upgraded()
    # By hand, so the two that are sick on the new disk are left on it; one goes on on the disk that it had.
    told = await details_in_temporal(world)
    assert "3 failed (0 rolled back, 1 without a new disk, 2 need a person)" in told


async def test_p17_p14_whoever_is_not_confirmed_needs_no_person(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await world.start()
    await world.pass_time(timedelta(minutes=1))
    await world.cancel()
    await world.end_of()
    assert "2 failed (0 rolled back, 2 not confirmed, 0 need a person)" in await details_in_temporal(world)


async def test_p17_the_decision_in_force_is_what_the_temporal_ui_shows(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    swaps = hold(world, Call.SWAP, "0")
    await world.start()
    await held(world, swaps)
    [*_, batch] = sentences(world)
    assert f"**RollingForward**: {batch}" in await details_in_temporal(world)
    release(world, swaps)
    await world.end_of()
    shown = await details_in_temporal(world)
    assert "**Completed**: completed: no instance is left" in shown
    assert "| 5 | 2 | 0 | 0 | go on: 0 of 10 attempted instances unhealthy (0 %), limit 20 % |" in shown


async def test_p17_why_an_instance_failed_is_written_down_with_it(world: World) -> None:
    await world.has_set(20, policy={"maxUnhealthyUpgradedInstancePercent": 100})
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    world.fleet.inject(Fault(kind=FaultKind.DISK_NOT_MADE, call=Call.SWAP, instance_id="1"))
    await world.upgraded()
    rows = world.store.upgrades.instances(world.scale_set.unique_id, 1)
    assert (rows["0"].outcome, rows["0"].reason) == ("failed", "the application gives no answer that lasts")
    assert (rows["1"].outcome, rows["1"].reason) == ("failed", "instance 1: its OS disk cannot be made")


async def test_p17_p8_why_an_instance_needs_a_person_is_written_down_with_it(world: World) -> None:
    await world.has_set(10, policy={"rollbackFailedInstancesOnPolicyBreach": True})
    world.publish(NEW, VersionScript(never_healthy="all"))
    restores = hold(world, Call.RESTORE, "0")
    await world.start()
    await held(world, restores)
    world.sick("0")
    release(world, restores)
    await world.end_of()
    row = world.store.upgrades.instances(world.scale_set.unique_id, 1)["0"]
    assert (row.outcome, row.reason) == ("rollbackFailed", "the application answers that it is unhealthy")


async def test_p17_p2_a_failed_pre_check_is_told_and_names_the_unhealthy(world: World) -> None:
    await world.has_set(5)
    world.sick("2", "4")
    world.publish(NEW)
    result = await world.upgraded()
    assert sentences(world) == ["stopped: 2 of 5 instances unhealthy (40 %), limit 20 %"]
    assert result.reason == sentences(world)[0]
    assert result.error is not None
    assert [(one.target, one.message) for one in result.error.details] == [
        ("web/virtualMachines/2", "the application answers that it is unhealthy"),
        ("web/virtualMachines/4", "the application answers that it is unhealthy"),
    ]


async def test_p19_an_unusable_version_is_the_reason_that_is_told(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(withdrawn=True))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.IMAGE_UNUSABLE
    assert result.reason.startswith(f"stopped: image version Canonical:UbuntuServer:18.04-LTS:{NEW} is unusable: ")
    assert world.decisions().count("batch") == 1
    counts = world.record().counts
    assert (counts.failed, counts.pending) == (2, 8)


async def test_p19_the_code_of_a_withdrawn_version_says_so_too(world: World) -> None:
    await world.has_set(10, policy={"pauseTimeBetweenBatches": "PT10M"})
    world.publish(NEW)
    swaps = hold(world, Call.SWAP, "0")
    await world.start()
    await held(world, swaps)
    world.store.images.withdraw("Canonical", "UbuntuServer", "18.04-LTS", NEW, "westeurope")
    release(world, swaps)
    result = await world.end_of()
    assert result.error is not None
    assert result.error.code == ErrorCode.IMAGE_UNUSABLE
    version = f"Canonical:UbuntuServer:18.04-LTS:{NEW}"
    assert result.reason == f"stopped: image version {version} was withdrawn: it is not published any more"
    # What was begun came to its end first (P19: before its next batch).
    assert world.record().counts.successful == 2


@pytest.mark.parametrize(
    ("never_healthy", "cancelled", "status", "code", "message"),
    [
        ((), False, OperationStatus.SUCCEEDED, "", ""),
        (
            "all",
            False,
            OperationStatus.FAILED,
            ErrorCode.UNHEALTHY_UPGRADED,
            "stopped: 2 of 2 attempted instances unhealthy (100 %), limit 20 %",
        ),
        ("all", True, OperationStatus.CANCELED, ErrorCode.CANCELED, "cancelled: cancelled by a user"),
    ],
)
async def test_p17_a1_the_operation_of_a_start_ends_as_its_upgrade_did_and_says_why(
    world: World, *, never_healthy: Any, cancelled: bool, status: OperationStatus, code: str, message: str
) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy=never_healthy))
    swaps = hold(world, Call.SWAP, "0")
    await world.start()
    await held(world, swaps)
    [row] = world.store.operations.running(world.scale_set.unique_id)
    if cancelled:
        await world.cancel()
    release(world, swaps)
    await world.end_of()
    ended = await world.ended(row.id)
    assert (ended.status, ended.error_code, ended.error_message) == (status, code, message)


NEED_A_REASON = {"failed", "sickBefore", "rolledBack", "rollbackFailed", "skipped"}
"""What a person who reads it will ask why."""


async def test_p17_every_outcome_that_is_not_the_wished_one_has_its_reason(world: World) -> None:
    await world.has_set(20, policy={"rollbackFailedInstancesOnPolicyBreach": True})
    world.publish(NEW, VersionScript(never_healthy="all"))
    world.sick("1")
    world.script("2", protected=True)
    restores = hold(world, Call.RESTORE, "0")
    await world.start()
    await held(world, restores)
    world.sick("0")
    release(world, restores)
    await world.end_of()
    rows = world.store.upgrades.instances(world.scale_set.unique_id, 1)
    told = {row.outcome: row.reason for row in rows.values() if row.outcome in NEED_A_REASON}
    assert set(told) == NEED_A_REASON - {"failed"}
    assert all(row.reason for row in rows.values() if row.outcome in NEED_A_REASON)
