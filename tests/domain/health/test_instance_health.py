from dataclasses import replace
from typing import Any

import pytest

from instar.domain.health.instance_health import health_of
from instar.domain.health.sources import HealthSource, SourceKind
from instar.domain.machines.instances import ExtensionStatus, HealthState, PowerState
from tests.support.looks import NOON, view

DEFAULT = HealthSource()
ASKED = HealthSource(kind=SourceKind.APPLICATION_HEALTH)


@pytest.mark.parametrize(
    ("source", "changes", "state", "detail"),
    [
        (DEFAULT, {}, HealthState.HEALTHY, ""),
        (DEFAULT, {"power": PowerState.STOPPED}, HealthState.UNHEALTHY, "the machine does not run"),
        (DEFAULT, {"provisioned": False}, HealthState.UNHEALTHY, "the machine is not provisioned"),
        (DEFAULT, {"extensions": (ExtensionStatus("a"),)}, HealthState.HEALTHY, ""),
        (ASKED, {"provisioned": False}, HealthState.HEALTHY, ""),
        (ASKED, {"extensions": (ExtensionStatus("a", "boom"),)}, HealthState.UNHEALTHY, "extension 'a' failed: boom"),
        (DEFAULT, {"extensions": (ExtensionStatus("a", "boom"),)}, HealthState.UNHEALTHY, "extension 'a' failed: boom"),
    ],
)
def test_h2_what_a_machine_shows_of_itself(
    source: HealthSource, changes: dict[str, Any], state: HealthState, detail: str
) -> None:
    seen = view(0)
    found = health_of(replace(seen.instance, **changes), source, seen.health)
    assert (found.state, found.detail) == (state, detail)


@pytest.mark.parametrize("state", HealthState)
def test_a_failed_extension_counts_whatever_the_source_says_and_silences_custom_metrics(state: HealthState) -> None:
    seen = view(0, state)
    said = replace(seen.health, phase=1, skip=True, custom_metrics="{}", settles_by=NOON)
    found = health_of(replace(seen.instance, extensions=(ExtensionStatus("a", "x" * 500),)), ASKED, said)
    assert (found.state, found.phase, found.skip, found.custom_metrics) == (HealthState.UNHEALTHY, None, False, "")
    assert found.settles_by is None
    assert found.observed_at == said.observed_at
    assert len(found.detail) < 250
