import json
from pathlib import Path

import pytest

from tests.clients.conftest import MODEL, NEW, OLD, SLOW, VERSIONS, Site, installed, told

SCENARIOS = Path(__file__).with_name("scenarios")
LATE_AT_MOST_SECONDS = 10.0
"""A poller that was told no Retry-After looks every 30 seconds; one that was told it is about a second late."""


def test_the_python_sdk_goes_through_a_sets_whole_life(site: Site) -> None:
    model = MODEL | {"sku": MODEL["sku"] | {"capacity": 5}}
    site.publish(NEW)
    site.make(site.group("sdk"), {"location": "westeurope"})
    found = told(site, [installed("sdk/bin/python"), str(SCENARIOS / "sdk.py"), json.dumps(model)])
    assert found == {
        "created": "Succeeded",
        "by location": True,
        "listed": ["web"],
        "before the first": "NotFound",
        "latest": "Completed",
        "history": {"startedBy": "User", "version": NEW, "end": True},
        "cancel of nothing": "OperationNotAllowed",
        "patched": True,
        "instances": ["0", "1", "2", "3", "4"],
        "health": "HealthState/healthy",
        "versions": [OLD, NEW],
        "refused": "InvalidParameter",
        "gone": "ResourceNotFound",
    }


def test_pollers_of_the_python_sdk_end_when_the_work_does(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    model = MODEL | {"sku": MODEL["sku"] | {"capacity": 3}}
    script = [installed("sdk/bin/python"), str(SCENARIOS / "sdk_actions.py")]
    found = told(site, [*script, json.dumps(model), f"{VERSIONS}/{SLOW}"])
    late = sorted(found["late"].items(), key=lambda one: -one[1])
    with capsys.disabled():
        worst = ", ".join(f"{one} {by:.2f} s" for one, by in late[:3])
        print(f"\n{len(late)} pollers; after the real end: {worst}")  # noqa: T201  # a figure for the reader
    assert late[0][1] < LATE_AT_MOST_SECONDS
    assert found["told"] == {
        "ends at once": False,
        "latest": "Cancelled",
        "cancelled": "RollingUpgradeCanceled",
        "reimaged": ["0"],
        "all reimaged": ["0", "1", "2"],
        "power": ["PowerState/stopped"],
        "power of some": ["PowerState/running", "PowerState/stopped"],
        "protected": True,
        "left": ["1", "2"],
        "overtaken": 412,
        "made already": 412,
        "wrong secret": True,
        "excluded": True,
        "replicated": "Completed",
        "versions": ["1.0.0", "1.0.10"],
    }
