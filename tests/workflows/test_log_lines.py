"""Every line that a worker writes of an upgrade says of which set, of which upgrade, and of which instance."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from instar.compute.provider import Effect
from instar.compute.simulated.fleet import SimulatedFleet
from instar.connection.telemetry.json_lines import JsonLines
from tests.support.models import NEW
from tests.support.world import World

_log = logging.getLogger("instar.compute.of_a_test")


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(JsonLines("worker"))
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler, root = Kept(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


async def test_lines_of_workflow_activities_and_compute_say_what_they_are_about(
    world: World, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap = SimulatedFleet.swap_os_disk

    async def told(self: SimulatedFleet, effect: Effect, *more: Any) -> None:
        _log.info("a swap")
        await swap(self, effect, *more)

    monkeypatch.setattr(SimulatedFleet, "swap_os_disk", told)
    await world.has_set(4)
    world.publish(NEW)
    await world.upgraded()
    resource = world.scale_set.resource_id
    decisions = [one for one in kept.lines if one.get("activity", "").startswith("record_upgrade")]
    assert len(decisions) >= 4
    assert {(one["set"], one["upgrade"], one["resource"]) for one in decisions} == {("web", 1, resource)}
    swaps = [one for one in kept.lines if one["message"] == "a swap"]
    assert sorted(one["instance"] for one in swaps) == ["0", "1", "2", "3"]
    assert {(one["set"], one["upgrade"]) for one in swaps} == {("web", 1)}
    of_workflow = [one for one in kept.lines if one["logger"] == "temporalio.workflow"]
    assert of_workflow
    assert {one["set"] for one in of_workflow} == {"web"}
