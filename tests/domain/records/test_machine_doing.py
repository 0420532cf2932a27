"""What a machine is doing, in one word."""

from dataclasses import replace
from typing import Any

import pytest

from instar.domain.machines.instances import Standing
from instar.domain.records.machine_doing import Doing, Part, doing_of
from instar.domain.records.progress import Outcome

HEALTHY, UNHEALTHY, BOOTS, STOPPED = Standing.HEALTHY, Standing.UNHEALTHY, Standing.INITIALIZING, Standing.STOPPED
PART = Part(
    standing=HEALTHY, outcome=None, runs=True, on_new_disk=False, on_target=False, protected=False, moved_since=False
)


@pytest.mark.parametrize(
    ("outcome", "changes", "expected"),
    [
        (Outcome.PENDING, {}, Doing.WAITING),
        (Outcome.PENDING, {"standing": UNHEALTHY}, Doing.WAITING),
        (Outcome.IN_PROGRESS, {}, Doing.SWAPPING),
        (Outcome.IN_PROGRESS, {"on_new_disk": True, "standing": BOOTS}, Doing.HEALTH_WAIT),
        (Outcome.UPGRADED, {"on_target": True}, Doing.ON_TARGET),
        (Outcome.UPGRADED, {"on_target": True, "standing": UNHEALTHY}, Doing.UNHEALTHY),
        (Outcome.UPGRADED, {"on_target": True, "standing": BOOTS}, Doing.STARTING),
        (Outcome.CURRENT, {"on_target": True}, Doing.ON_TARGET),
        (Outcome.STOPPED, {"standing": STOPPED}, Doing.STOPPED),
        (Outcome.FAILED, {}, Doing.FAILED),
        (Outcome.SICK_BEFORE, {"standing": UNHEALTHY}, Doing.SICK_BEFORE),
        (Outcome.ROLLED_BACK, {}, Doing.ROLLED_BACK),
        (Outcome.ROLLBACK_FAILED, {"standing": UNHEALTHY}, Doing.NEEDS_PERSON),
        (Outcome.SKIPPED, {}, Doing.SKIPPED),
        (Outcome.SKIPPED, {"protected": True}, Doing.PROTECTED),
        (None, {}, Doing.HEALTHY),
        (None, {"on_target": True}, Doing.ON_TARGET),
    ],
)
def test_p17_while_the_upgrade_runs_its_word_comes_first(
    outcome: Outcome | None, changes: dict[str, Any], expected: Doing
) -> None:
    assert doing_of(replace(PART, outcome=outcome, **changes)) is expected


@pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.IN_PROGRESS, Outcome.SKIPPED, Outcome.UPGRADED, None])
def test_p17_after_its_end_only_failures_of_it_are_left(outcome: Outcome | None) -> None:
    ended = replace(PART, runs=False, outcome=outcome)
    assert doing_of(ended) is Doing.HEALTHY
    assert doing_of(replace(ended, standing=UNHEALTHY)) is Doing.UNHEALTHY
    assert doing_of(replace(ended, standing=STOPPED)) is Doing.STOPPED
    assert doing_of(replace(ended, standing=BOOTS)) is Doing.STARTING


@pytest.mark.parametrize("runs", [True, False])
def test_p8_a_failure_stays_until_something_else_is_done_to_the_machine(runs: bool) -> None:
    failed = replace(PART, runs=runs, outcome=Outcome.ROLLBACK_FAILED)
    assert doing_of(failed) is Doing.NEEDS_PERSON
    assert doing_of(replace(failed, moved_since=True)) is Doing.HEALTHY
    assert doing_of(replace(failed, moved_since=True, standing=UNHEALTHY)) is Doing.UNHEALTHY


def test_one_that_is_gone_has_vanished_whatever_it_did() -> None:
    for outcome in (None, *Outcome):
        assert doing_of(replace(PART, standing=None, outcome=outcome)) is Doing.VANISHED


def test_h5_one_that_nobody_looked_at_is_not_called_sick_nor_healthy() -> None:
    unseen = replace(PART, standing=UNHEALTHY, looked_at=False)
    assert doing_of(unseen) is Doing.NOT_SEEN
    assert doing_of(replace(unseen, standing=STOPPED)) is Doing.STOPPED
    assert doing_of(replace(unseen, outcome=Outcome.FAILED)) is Doing.FAILED
    assert doing_of(replace(unseen, outcome=Outcome.PENDING)) is Doing.WAITING
