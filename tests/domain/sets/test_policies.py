"""Ranges and which policy is in force."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from instar.domain.images.images import ImageReference, newest, version_key
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy, UpgradePolicy, policy_in_force


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


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("maxBatchInstancePercent", 5, 100),
        ("maxUnhealthyInstancePercent", 5, 100),
        ("maxUnhealthyUpgradedInstancePercent", 0, 100),
    ],
)
def test_b8_each_percentage_has_a_range_of_its_own(name: str, lowest: int, highest: int) -> None:
    # Neither end may be refused because of the other rule: a batch must not exceed the unhealthy limit.
    others = {"maxBatchInstancePercent": 5, "maxUnhealthyInstancePercent": 100}
    for allowed in (lowest, highest):
        RollingUpgradePolicy.model_validate(others | {name: allowed})
    for wrong in (lowest - 1, highest + 1):
        with pytest.raises(ValidationError) as refused:
            RollingUpgradePolicy.model_validate(others | {name: wrong})
        assert [one["loc"] for one in refused.value.errors()] == [(name,)]


def test_b8_a_batch_may_be_as_large_as_the_unhealthy_limit_and_no_larger() -> None:
    RollingUpgradePolicy(max_batch_instance_percent=30, max_unhealthy_instance_percent=30)
    with pytest.raises(ValidationError, match="a batch would break its own limit"):
        RollingUpgradePolicy(max_batch_instance_percent=31, max_unhealthy_instance_percent=30)


def test_b8_p11_the_pause_is_an_iso_8601_duration_and_none_by_default() -> None:
    assert RollingUpgradePolicy().pause_time_between_batches == timedelta(0)
    given = RollingUpgradePolicy.model_validate({"pauseTimeBetweenBatches": "PT1M30S"})
    assert given.pause_time_between_batches == timedelta(seconds=90)
    for wrong in ("-PT1S", "P31D", "five minutes"):
        with pytest.raises(ValidationError):
            RollingUpgradePolicy.model_validate({"pauseTimeBetweenBatches": wrong})


@pytest.mark.parametrize(
    ("reference", "follows"),
    [
        ({"version": "latest"}, True),
        ({"version": "Latest"}, True),
        ({"version": "18.04.1"}, False),
        ({"version": ""}, False),
        ({"id": "/galleries/g/images/i"}, True),
        ({"id": "/galleries/g/images/i/Versions/1.0.0"}, False),
    ],
)
def test_i3_latest_in_any_case_or_a_gallery_image_without_a_version_is_followed(
    reference: dict[str, str], *, follows: bool
) -> None:
    assert ImageReference(**reference).follows_latest is follows
