"""Machines whose health the tests say."""

from typing import Any

import pytest

from instar.domain.machines.instances import HealthObservation, HealthState
from tests.api.conftest import Api


@pytest.fixture
def sick(api: Api, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The ids of those that are sick; the others are healthy, and none boots."""
    ids = set[str]()

    async def observe(fleet: Any, scale_set: Any, *_: Any) -> tuple[HealthObservation, ...]:
        return tuple(
            HealthObservation(
                one.instance_id,
                HealthState.UNHEALTHY if one.instance_id in ids else HealthState.HEALTHY,
                api.clock(),
            )
            for one in await fleet.list_instances(scale_set)
        )

    monkeypatch.setattr(type(api.fleet), "observe_health", observe)
    monkeypatch.setattr("api.upgrades.looking.boots", lambda *_: False)
    return ids
