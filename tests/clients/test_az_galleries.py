"""`az sig`: images of one's own, and a set that follows them by itself."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.conftest import Az, Site, logged_in, running
from tests.clients.test_az_machines import HEALTH

GROUP = "own"
IN_GROUP = ("--resource-group", GROUP)
GALLERY = (*IN_GROUP, "--gallery-name", "images")
IMAGE = (*GALLERY, "--gallery-image-definition", "web")
SET = (*IN_GROUP, "--name", "fleet")
COMES_SECONDS = 120
"""In which an upgrade comes by itself; it takes about ten, and no more on a busy machine than this."""


@pytest.fixture(scope="module")
def eager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Instar whose sets look every second or two for a newer version."""
    delays = {"FIRST_TRIGGER": "PT0S", "LOOK_LEAST": "PT1S", "LOOK_MOST": "PT2S"}
    settings = {f"INSTAR_DELAYS__{name}": value for name, value in delays.items()}
    with running(tmp_path_factory.mktemp("eager"), **settings) as site:
        yield site


@pytest.fixture(scope="module")
def az(eager: Site, tmp_path_factory: pytest.TempPathFactory) -> Az:
    ask = logged_in(eager, tmp_path_factory.mktemp("az-eager"))
    ask("group", "create", "--name", GROUP, "--location", "westeurope")
    ask("sig", "create", *GALLERY)
    kind = ("--publisher", "me", "--offer", "web", "--sku", "stable", "--os-type", "Linux", "--os-state", "Generalized")
    ask("sig", "image-definition", "create", *IMAGE, *kind)
    return ask


def made(az: Az, site: Site, version: str, *words: str) -> Any:
    built = (
        f"/subscriptions/{site.login.subscriptionId}/resourceGroups/{GROUP}/providers/Microsoft.Compute/images/built"
    )
    regions = ("--target-regions", "westeurope=1")
    return az(
        "sig",
        "image-version",
        "create",
        *IMAGE,
        "--gallery-image-version",
        version,
        "--managed-image",
        built,
        *regions,
        *words,
    )


def test_galleries_and_images_are_listed_and_shown(az: Az) -> None:
    assert [one["name"] for one in az("sig", "list", *IN_GROUP)] == ["images"]
    assert az("sig", "show", *GALLERY)["identifier"]["uniqueName"].endswith("-IMAGES")
    assert [one["name"] for one in az("sig", "image-definition", "list", *GALLERY)] == ["web"]
    assert az("sig", "image-definition", "show", *IMAGE)["identifier"] == {
        "publisher": "me",
        "offer": "web",
        "sku": "stable",
    }


def test_a_set_follows_its_gallery_image_by_itself(az: Az, eager: Site) -> None:
    assert made(az, eager, "1.0.0")["provisioningState"] == "Succeeded"
    image = az("sig", "image-definition", "show", *IMAGE)["id"]
    how = ("--orchestration-mode", "Uniform", "--upgrade-policy-mode", "Manual", "--instance-count", "3")
    az("vmss", "create", *SET, "--image", image, *how, "--admin-username", "op", "--admin-password", "a-Secret-1-long")
    kind = ("--name", "ApplicationHealthLinux", "--publisher", "Microsoft.ManagedServices", "--version", "1.0")
    az("vmss", "extension", "set", *IN_GROUP, "--vmss-name", "fleet", *kind, "--settings", json.dumps(HEALTH))
    az("vmss", "update-instances", *SET, "--instance-ids", "*")
    az("vmss", "update", *SET, "--enable-auto-os-upgrade", "true")
    made(az, eager, "1.0.1", "--exclude-from-latest", "true")
    made(az, eager, "1.0.2")
    until = time.monotonic() + COMES_SECONDS
    while not (history := az("vmss", "get-os-upgrade-history", *SET)) and time.monotonic() < until:
        pass
    while history[0]["properties"]["runningStatus"]["code"] == "RollingForward" and time.monotonic() < until:
        history = az("vmss", "get-os-upgrade-history", *SET)
    upgrade = history[0]["properties"]
    assert (upgrade["startedBy"], upgrade["runningStatus"]["code"]) == ("Platform", "Completed")
    assert upgrade["targetImageReference"]["id"] == f"{image}/versions/1.0.2"
    assert upgrade["progress"]["successfulInstanceCount"] == 3


def test_versions_are_changed_listed_and_deleted(az: Az, eager: Site) -> None:
    made(az, eager, "0.9.0")
    version = (*IMAGE, "--gallery-image-version", "0.9.0")
    changed = az("sig", "image-version", "update", *version, "--set", "publishingProfile.excludeFromLatest=true")
    assert changed["publishingProfile"]["excludeFromLatest"] is True
    az("sig", "image-version", "update", *version, "--target-regions", "westeurope=1", "northeurope=2")
    shown = az("sig", "image-version", "show", *version)
    assert [one["name"] for one in shown["publishingProfile"]["targetRegions"]] == ["West Europe", "North Europe"]
    assert shown["storageProfile"]["source"]["id"].endswith("/images/built")
    assert "0.9.0" in {one["name"] for one in az("sig", "image-version", "list", *IMAGE)}
    az("sig", "image-version", "delete", *version)
    assert "0.9.0" not in {one["name"] for one in az("sig", "image-version", "list", *IMAGE)}
