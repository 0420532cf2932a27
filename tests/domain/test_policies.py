"""Ranges and which policy is in force."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.images import newest, version_key
from domain.policies import RollingUpgradePolicy, StartedBy, UpgradePolicy, policy_in_force


@pytest.mark.parametrize(
    "wrong",
    [
        {"maxBatchInstancePercent": 4},
        {"maxBatchInstancePercent": 101, "maxUnhealthyInstancePercent": 100},
        {"maxUnhealthyInstancePercent": 4},
        {"maxUnhealthyUpgradedInstancePercent": -1},
        {"maxUnhealthyUpgradedInstancePercent": 101},
        {"pauseTimeBetweenBatches": "soon"},
        {"pauseTimeBetweenBatches": "-PT1S"},
        {"maxBatchInstancePercent": 21},
    ],
)
def test_b8_values_outside_their_ranges_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RollingUpgradePolicy.model_validate(wrong)


@pytest.mark.parametrize("right", [{"maxBatchInstancePercent": 5}, {"maxUnhealthyUpgradedInstancePercent": 0}])
def test_b8_the_ends_of_the_ranges_are_allowed(right: dict[str, Any]) -> None:
    RollingUpgradePolicy.model_validate(right)


def test_b9_platform_upgrades_use_the_default_unless_told_otherwise() -> None:
    own = {"maxBatchInstancePercent": 10}
    plain = UpgradePolicy.model_validate({"rollingUpgradePolicy": own})
    told = UpgradePolicy.model_validate(
        {"rollingUpgradePolicy": own, "automaticOSUpgradePolicy": {"useRollingUpgradePolicy": True}}
    )
    assert policy_in_force(plain, StartedBy.PLATFORM).max_batch_instance_percent == 20
    assert policy_in_force(told, StartedBy.PLATFORM).max_batch_instance_percent == 10
    assert policy_in_force(plain, StartedBy.USER).max_batch_instance_percent == 10


def test_i1_versions_are_ordered_numerically_part_by_part() -> None:
    assert newest(["18.04.9", "18.04.10", "9.99.99"]) == "18.04.10"
    assert newest([]) is None
    for nonsense in ("", "latest", "1..2", "1.x", "-1.0", "1.٣"):
        with pytest.raises(ValueError, match="is no image version"):
            version_key(nonsense)
