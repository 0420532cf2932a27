import json
from typing import Any

import pytest

from domain.batching import share
from domain.images import version_key
from domain.policies import StartedBy, policy_in_force
from domain.scale_sets import ScaleSetModel
from instar.demo import CAPACITY, DELAYS, EXAMPLE, NEWER, OLDER, SHARE, SICK, judged

GOOD: dict[str, Any] = {
    "clean": True,
    "mostOutAtOnce": 4,
    "swapsPerInstance": 1,
    "swaps": 20,
    "restores": 1,
    "dataDisksUnchanged": True,
    "violations": [],
}


def test_the_example_is_what_the_demo_says_of_it() -> None:
    model = ScaleSetModel.from_arm(json.loads(EXAMPLE.read_text()), generation=1)
    policy = policy_in_force(model.upgrade_policy, StartedBy.PLATFORM)
    assert model.capacity == CAPACITY
    assert model.data_disks == 2
    assert model.image.follows_latest
    assert model.image.line == OLDER.line == NEWER.line
    assert version_key(OLDER.version) < version_key(NEWER.version)
    assert share(model.capacity, policy.max_batch_instance_percent) == SHARE
    assert model.health_source.interval * model.health_source.number_of_probes < DELAYS.health_wait


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
        {"swaps": 19},
        {"restores": 0},
        {"dataDisksUnchanged": False},
        {"clean": False},
        {"violations": [{"rule": "B2", "instanceId": "7", "sentence": "too many"}]},
    ],
)
def test_the_demo_fails_on_anything_that_the_recorder_finds(wrong: dict[str, Any]) -> None:
    assert not all(check.held for check in judged(GOOD | wrong))
