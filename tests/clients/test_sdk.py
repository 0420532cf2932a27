import json
from pathlib import Path

from tests.clients.conftest import MODEL, NEW, OLD, Site, installed, told

SCENARIO = str(Path(__file__).with_name("scenarios") / "sdk.py")


def test_the_python_sdk_goes_through_a_sets_whole_life(site: Site) -> None:
    model = MODEL | {"sku": MODEL["sku"] | {"capacity": 5}}
    site.publish(NEW)
    found = told(site, [installed("sdk/bin/python"), SCENARIO, json.dumps(model)])
    assert found == {
        "created": "Succeeded",
        "by location": ["web"],
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
