from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from instar.domain.images.galleries import (
    Replica,
    ReplicaState,
    aggregated_state,
    begun,
    not_offered,
    offered_versions,
    provisioning_state,
    replicas,
    replication,
    settled_at,
    with_replicas,
)
from instar.domain.images.images import newest

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FIVE = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


def version(*regions: str, copies: dict[str, Replica] | None = None, **profile: Any) -> dict[str, Any]:
    """A version published at NOW to those regions; without copies each takes five minutes."""
    targets = [{"name": name} for name in regions]
    document = {"properties": {"publishingProfile": {"targetRegions": targets, **profile}}}
    return with_replicas(document, begun({}, regions, NOW, FIVE) if copies is None else copies)


def held(**changes: Any) -> Replica:
    return Replica(since=NOW, due=NOW + FIVE).model_copy(update=changes)


@pytest.mark.parametrize(
    ("after", "state", "progress"),
    [
        (timedelta(0), ReplicaState.REPLICATING, 0),
        (timedelta(minutes=-1), ReplicaState.REPLICATING, 0),
        (timedelta(minutes=2, seconds=30), ReplicaState.REPLICATING, 50),
        (FIVE - timedelta(milliseconds=1), ReplicaState.REPLICATING, 99),
        (FIVE, ReplicaState.COMPLETED, 100),
        (timedelta(days=400), ReplicaState.COMPLETED, 100),
    ],
)
def test_i2_a_copy_is_complete_when_it_is_due(after: timedelta, state: ReplicaState, progress: int) -> None:
    [there] = replication(version("West US 2"), NOW + after)
    assert (there.region, there.state, there.progress) == ("West US 2", state, progress)


def test_t6_without_a_delay_a_copy_is_there_at_once() -> None:
    there = begun({}, ["westus2"], NOW, timedelta(0))["westus2"]
    assert (there.state(NOW), there.progress(NOW)) == (ReplicaState.COMPLETED, 100)


def test_i2_a_held_copy_never_completes_and_a_failed_one_says_why() -> None:
    late = NOW + timedelta(days=1)
    stuck = held(stopped_at=NOW + MINUTE)
    assert (stuck.state(late), stuck.progress(late)) == (ReplicaState.REPLICATING, 20)
    failed = version("eastus", copies={"eastus": held(stopped_at=NOW + MINUTE, failure="no quota")})
    [there] = replication(failed, late)
    assert (there.state, there.progress, there.details) == (ReplicaState.FAILED, 20, "no quota")
    over = held(stopped_at=NOW + 2 * FIVE)
    assert (over.state(late), over.progress(late)) == (ReplicaState.REPLICATING, 99)


def test_i2_copies_that_are_there_stay_and_new_or_failed_ones_begin() -> None:
    later = NOW + timedelta(hours=1)
    before = {"eastus": held(), "westus2": held(failure="no quota", stopped_at=NOW), "uksouth": held()}
    after = begun(before, ["East US", "westus2", "North Europe"], later, FIVE)
    assert list(after) == ["eastus", "westus2", "northeurope"]
    assert after["eastus"] == held()
    assert after["westus2"] == after["northeurope"] == Replica(since=later, due=later + FIVE)


def test_a_document_keeps_its_copies_through_json() -> None:
    copies = {"eastus": held(), "westus2": held(stopped_at=NOW, failure="no quota")}
    assert replicas(version("eastus", "westus2", copies=copies)) == copies
    assert replicas({}) == {}


DONE = Replica(since=NOW - FIVE, due=NOW - MINUTE)
RUNS = held(since=NOW - MINUTE)
FAILED = held(stopped_at=NOW, failure="no quota")


@pytest.mark.parametrize(
    ("copies", "published", "aggregated", "provisioning"),
    [
        ([RUNS, RUNS], NOW - MINUTE, "InProgress", "Creating"),
        ([RUNS, DONE], NOW - FIVE, "InProgress", "Updating"),
        ([RUNS, FAILED], NOW - FIVE, "InProgress", "Updating"),
        ([DONE, FAILED], NOW - FIVE, "Failed", "Failed"),
        ([DONE, DONE], NOW - FIVE, "Completed", "Succeeded"),
        ([], NOW, "Completed", "Succeeded"),
    ],
)
def test_the_states_of_the_whole(
    copies: list[Replica], published: datetime, aggregated: str, provisioning: str
) -> None:
    document = version(copies={f"region{number}": one for number, one in enumerate(copies)})
    assert aggregated_state(document, NOW) == aggregated
    assert provisioning_state(document, published, NOW) == provisioning
    assert (settled_at(document, NOW) is None) == (aggregated == "InProgress")


def test_replication_ended_when_its_last_copy_did() -> None:
    assert settled_at(version("eastus", copies={"eastus": DONE, "westus2": FAILED}), NOW) == NOW
    assert settled_at(version("eastus", copies={"eastus": DONE}), NOW) == DONE.due


HERE = "westus2"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (version(HERE, copies={HERE: DONE}), ""),
        (version("West US 2", "eastus", copies={HERE: DONE, "eastus": FAILED}), ""),
        (version(HERE, copies={HERE: DONE}, endOfLifeDate="2020-01-01T00:00:00Z"), ""),
        (version(HERE, copies={HERE: RUNS}), "its replication to West US 2 is not complete (16 %)"),
        (version(HERE, copies={HERE: FAILED}), "its replication to West US 2 failed: no quota"),
        (version("eastus", copies={"eastus": DONE}), "West US 2 is not among its target regions"),
        (version(HERE, copies={HERE: DONE}, excludeFromLatest=True), "it is excluded from latest"),
        (
            version(copies={HERE: DONE}, targetRegions=[{"name": "West US 2", "excludeFromLatest": True}]),
            "it is excluded from latest in West US 2",
        ),
        (version(copies={HERE: DONE}, targetRegions=[{"name": HERE}, {"name": "x", "excludeFromLatest": True}]), ""),
    ],
)
def test_i2_what_latest_may_mean_in_a_region(document: dict[str, Any], reason: str) -> None:
    assert not_offered(document, "West US 2", NOW) == reason
    assert offered_versions({"1.0.0": document}, HERE, NOW) == ([] if reason else ["1.0.0"])


def test_i1_i2_the_highest_of_those_that_are_offered() -> None:
    versions = {
        "1.0.9": version(HERE, copies={HERE: DONE}),
        "1.0.10": version(HERE, copies={HERE: DONE}),
        "1.0.11": version(HERE, copies={HERE: DONE}, excludeFromLatest=True),
        "2.0.0": version(HERE, copies={HERE: RUNS}),
    }
    assert newest(offered_versions(versions, HERE, NOW)) == "1.0.10"
    assert newest(offered_versions(versions, HERE, NOW + FIVE)) == "2.0.0"
