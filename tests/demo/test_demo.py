import json
from dataclasses import replace
from typing import Any

import pytest

from instar.client.sets.first_set import EXAMPLE
from instar.client.showing.upgrade_view import BatchView, Machine, UpgradeView
from instar.demo.demo import DELAYS
from instar.demo.demo_checks import (
    BAD,
    CAPACITY,
    FIRST,
    MENDED,
    SECOND,
    SHARE,
    SICK,
    ended_as_told,
    judged,
    quarantined,
)
from instar.domain.images.images import version_key
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.policies import StartedBy, policy_in_force
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.shares import share

GOOD: dict[str, Any] = {
    "clean": True,
    "mostOutAtOnce": 4,
    "swapsPerInstance": 1,
    "swaps": 44,
    "restores": 5,
    "givenBack": 20,
    "dataDisksUnchanged": True,
    "violations": [],
}


def view(status: UpgradeStatus, outcomes: list[Outcome], *, canary: bool = False) -> UpgradeView:
    """An upgrade as it was seen last; who has no batch waits. A canary is a first batch of one."""
    ahead = SHARE - 1 if canary else 0
    machines = [Machine(str(one), outcome, batch=(one + ahead) // SHARE + 1) for one, outcome in enumerate(outcomes)]
    waiting = [replace(one, batch=0) for one in machines if one.outcome is Outcome.PENDING]
    batches = [
        BatchView(number, tuple(one for one in machines if one.batch == number and one.outcome is not Outcome.PENDING))
        for number in range(1, CAPACITY // SHARE + 2)
    ]
    return UpgradeView(status, "", {}, tuple(one for one in batches if one.machines), tuple(waiting), ())


def run(status: str, version: str, by: str = "Platform") -> dict[str, Any]:
    return {
        "properties": {
            "runningStatus": {"code": status},
            "startedBy": by,
            "targetImageReference": {"version": version},
        }
    }


ALL = [Outcome.UPGRADED] * CAPACITY
ONE_BACK = [Outcome.ROLLED_BACK if str(one) == SICK else Outcome.UPGRADED for one in range(CAPACITY)]
FOUR_BACK = [Outcome.ROLLED_BACK] * SHARE + [Outcome.PENDING] * (CAPACITY - SHARE)

UPGRADES = [
    view(UpgradeStatus.COMPLETED, ONE_BACK),
    view(UpgradeStatus.FAULTED, FOUR_BACK),
    view(UpgradeStatus.COMPLETED, ALL, canary=True),
    view(UpgradeStatus.COMPLETED, ALL),
]
HISTORY = [
    run("Completed", SECOND.version, by="User"),
    run("Completed", MENDED.version),
    run("Faulted", BAD.version),
    run("Completed", SECOND.version),
]


def test_the_example_is_what_the_demo_says_of_it() -> None:
    model = ScaleSetModel.from_arm(json.loads(EXAMPLE.read_text()), generation=1)
    policy = policy_in_force(model.upgrade_policy, StartedBy.PLATFORM)
    assert model.capacity == CAPACITY
    assert model.data_disks == 2
    assert model.image.follows_latest
    assert model.image.line == FIRST.line
    versions = [version_key(one.version) for one in (FIRST, SECOND, BAD, MENDED)]
    assert versions == sorted(set(versions))
    assert share(model.capacity, policy.max_batch_instance_percent) == SHARE
    assert model.health_source.interval * model.health_source.number_of_probes < DELAYS.health_wait


def test_t2_the_demo_waits_for_no_look_longer_than_for_a_nudge() -> None:
    assert DELAYS.nudge_most < DELAYS.look_least


def test_the_sick_machine_is_in_the_third_batch() -> None:
    assert int(SICK) // SHARE == 2


def test_a_clean_verdict_holds() -> None:
    assert all(check.held for check in judged(GOOD))


@pytest.mark.parametrize(
    "wrong",
    [
        {"mostOutAtOnce": 5},
        {"mostOutAtOnce": 0},
        {"swapsPerInstance": 2},
        {"swaps": 43},
        {"restores": 1},
        {"givenBack": 19},
        {"dataDisksUnchanged": False},
        {"clean": False},
        {"violations": [{"rule": "B2", "instanceId": "7", "sentence": "too many"}]},
    ],
)
def test_the_demo_fails_on_anything_that_the_recorder_finds(wrong: dict[str, Any]) -> None:
    assert not all(check.held for check in judged(GOOD | wrong))


def test_three_upgrades_and_a_rollback_that_end_as_told_hold() -> None:
    assert all(check.held for check in ended_as_told(UPGRADES, HISTORY))


@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        (0, view(UpgradeStatus.COMPLETED, ALL)),
        (0, view(UpgradeStatus.FAULTED, ONE_BACK)),
        (1, view(UpgradeStatus.COMPLETED, FOUR_BACK)),
        (1, view(UpgradeStatus.FAULTED, [Outcome.FAILED, *FOUR_BACK[1:]])),
        (2, view(UpgradeStatus.COMPLETED, ONE_BACK, canary=True)),
        (2, view(UpgradeStatus.CANCELLED, ALL, canary=True)),
        (2, view(UpgradeStatus.COMPLETED, ALL)),
        (3, view(UpgradeStatus.COMPLETED, ONE_BACK)),
        (3, view(UpgradeStatus.FAULTED, ALL)),
    ],
)
def test_the_demo_fails_on_an_upgrade_that_ends_otherwise(number: int, wrong: UpgradeView) -> None:
    seen = [wrong if one == number else upgrade for one, upgrade in enumerate(UPGRADES)]
    assert not all(check.held for check in ended_as_told(seen, HISTORY))


@pytest.mark.parametrize(
    "wrong",
    [HISTORY[:3], HISTORY[::-1], [HISTORY[0], run("Completed", MENDED.version, by="User"), *HISTORY[2:]]],
)
def test_the_demo_fails_on_another_history(wrong: list[dict[str, Any]]) -> None:
    assert not all(check.held for check in ended_as_told(UPGRADES, wrong))


def test_t5_the_demo_fails_unless_the_bad_version_and_the_one_that_was_left_are_quarantined() -> None:
    bad, left = ({"version": one.version, "wholeSet": True} for one in (BAD, MENDED))
    only_one_machine = {"version": SECOND.version, "wholeSet": False}
    assert quarantined([bad, only_one_machine, left]).held
    assert not quarantined([bad, only_one_machine]).held
    assert not quarantined([left, only_one_machine]).held
    assert not quarantined([bad, left, only_one_machine | {"wholeSet": True}]).held
