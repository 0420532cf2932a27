"""The pauses of a delivery go on where an earlier workflow was with them."""

from datetime import timedelta

import pytest

from workflows import options


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 10), (1, 20), (5, 320), (9, 3600), (500, 3600)])
def test_n1_the_first_pause_grows_with_the_attempts_that_were(attempts: int, seconds: int) -> None:
    policy = options.delivery(timedelta(hours=5), attempts)["retry_policy"]
    assert policy.initial_interval == timedelta(seconds=seconds)
    assert policy.maximum_interval == timedelta(hours=1)
    assert policy.maximum_attempts == 0


def test_n1_what_had_no_turn_in_its_day_is_tried_once_at_least() -> None:
    assert options.delivery(timedelta(hours=-3), 0)["schedule_to_close_timeout"] == timedelta(minutes=1)
    assert options.delivery(timedelta(hours=5), 0)["schedule_to_close_timeout"] == timedelta(hours=5)
