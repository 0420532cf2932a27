"""How a machine counts that was started lately (docs/rules.md P2a)."""

from datetime import UTC, datetime, timedelta

import pytest

from instar.domain.decisions.enrolment import without_boots
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import (
    HealthObservation,
    HealthState,
    Instance,
    InstanceView,
    Look,
    PowerState,
    Standing,
)

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def view(state: HealthState, *, boots: bool, power: PowerState = PowerState.RUNNING) -> InstanceView:
    instance = Instance("0", "vm", None, 1, power=power, booted_at=NOON - timedelta(minutes=1))
    return InstanceView(instance, HealthObservation("0", state, NOON), boots=boots)


@pytest.mark.parametrize(
    ("state", "booting", "settled"),
    [
        (HealthState.HEALTHY, Standing.HEALTHY, Standing.HEALTHY),
        (HealthState.UNHEALTHY, Standing.INITIALIZING, Standing.UNHEALTHY),
        (HealthState.UNKNOWN, Standing.INITIALIZING, Standing.UNHEALTHY),
        (HealthState.INITIALIZING, Standing.INITIALIZING, Standing.INITIALIZING),
    ],
)
def test_p2a_a_machine_that_boots_is_not_sick_yet(state: HealthState, booting: Standing, settled: Standing) -> None:
    assert view(state, boots=True).standing is booting
    assert view(state, boots=False).standing is settled


def test_p2a_p18_a_stopped_machine_does_not_boot() -> None:
    assert view(HealthState.UNHEALTHY, boots=True, power=PowerState.STOPPED).standing is Standing.STOPPED


def test_p2a_whom_the_upgrade_has_worked_on_had_its_time() -> None:
    look = Look(views=(view(HealthState.UNHEALTHY, boots=True),), taken_at=NOON)
    assert without_boots(look, InstanceIds(ranges="0")).by_id["0"].standing is Standing.UNHEALTHY
    assert without_boots(look, InstanceIds(ranges="1")) is look
