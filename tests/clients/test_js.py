import json
import shutil
from pathlib import Path

from tests.clients.conftest import INSTALLED, MODEL, SLOW, VERSIONS, Site, installed, told
from tests.clients.test_sdk import LATE_AT_MOST_SECONDS

SCENARIO = Path(__file__).with_name("scenarios") / "js.mjs"


def test_the_javascript_sdk_goes_through_a_sets_whole_life(site: Site) -> None:
    installed("js/node_modules/@azure/arm-compute/package.json")
    site.make(site.group("js"), {"location": "westeurope"})
    # Node looks for packages beside the script.
    script = shutil.copy(SCENARIO, INSTALLED / "js" / SCENARIO.name)
    model = MODEL | {"sku": MODEL["sku"] | {"capacity": 3}}
    node = shutil.which("node")
    assert node, "Node is missing"
    found = told(site, [node, str(script), json.dumps(model), f"{VERSIONS}/{SLOW}"])
    assert found.pop("deletedSeconds") < LATE_AT_MOST_SECONDS
    cancelled = found.pop("cancelled")
    assert "cancel" in cancelled.lower(), cancelled
    assert found == {
        "created": "Succeeded",
        "latest": "Completed",
        "history": ["User"],
        "instances": ["0", "1", "2"],
        "cancelOfNothing": "OperationNotAllowed",
        "published": True,
        "withdrawn": True,
        "patched": {"shift": "night"},
        "power": ["PowerState/running"],
        "sets": ["web"],
        "pages": 1,
        "gone": "ResourceNotFound",
    }
