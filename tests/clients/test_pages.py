"""Lists that have more than one page, walked to their end by each client as it does it by itself."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import INSTALLED, MODEL, Site, installed, logged_in, running, told

SCENARIOS = Path(__file__).with_name("scenarios")
GROUP = "pages"
SETS, NETWORKS, GALLERIES = ["a", "b", "c", "d", "fleet"], ["n1", "n2", "n3"], ["g1", "g2", "g3"]
MACHINES = [f"fleet_{number}" for number in range(5)]
PAGES: dict[str, Any] = {
    "sets": [["a", "b"], ["c", "d"], ["fleet"]],
    "sets of all": [["a", "b"], ["c", "d"], ["fleet"]],
    "machines": [MACHINES[:2], MACHINES[2:4], MACHINES[4:]],
    "some machines": [["fleet_0", "fleet_2"], ["fleet_3", "fleet_4"]],
    "galleries": [["g1", "g2"], ["g3"]],
}


@pytest.fixture(scope="module")
def paged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Instar whose pages have two items, with more of everything."""
    with running(tmp_path_factory.mktemp("paged"), INSTAR_PAGE_ITEMS="2") as site:
        group = f"{site.group(GROUP)}/providers"
        for name in NETWORKS:
            site.make(f"{group}/Microsoft.Network/virtualNetworks/{name}", {"location": "westeurope"})
        for name in GALLERIES:
            site.make(f"{group}/Microsoft.Compute/galleries/{name}", {"location": "westeurope"})
        for name in SETS:
            sku = MODEL["sku"] | {"capacity": len(MACHINES) if name == "fleet" else 0}
            site.make(f"{group}/Microsoft.Compute/virtualMachineScaleSets/{name}", MODEL | {"sku": sku})
        yield site


def test_the_python_sdk_walks_all_pages(paged: Site) -> None:
    assert told(paged, [installed("sdk/bin/python"), str(SCENARIOS / "pages.py")]) == PAGES


def test_the_javascript_sdk_walks_all_pages(paged: Site) -> None:
    installed("js/node_modules/@azure/arm-compute/package.json")
    script = shutil.copy(SCENARIOS / "pages.mjs", INSTALLED / "js" / "pages.mjs")
    node = shutil.which("node")
    assert node, "Node is missing"
    assert told(paged, [node, str(script)]) == PAGES


def test_az_walks_all_pages(paged: Site, tmp_path: Path) -> None:
    az = logged_in(paged, tmp_path)
    in_group = ("--resource-group", GROUP)

    def names(*words: str) -> list[str]:
        return [one["name"] for one in az(*words)]

    assert names("vmss", "list", *in_group) == SETS
    assert names("vmss", "list") == SETS
    assert names("vmss", "list-instances", *in_group, "--name", "fleet") == MACHINES
    assert names("network", "vnet", "list", *in_group) == NETWORKS
    assert names("sig", "list", *in_group) == GALLERIES
    assert len(names("resource", "list", *in_group)) == len(SETS) + len(NETWORKS) + len(GALLERIES)
