"""What of Ubuntu's index is read, and what is not believed."""

import doctest
from typing import Any

import pytest

from instar.client import simplestreams
from instar.client.simplestreams import Unreadable, newest_releases, product_files
from instar.domain.images.images import version_key

SHA = "a" * 64


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, tried = doctest.testmod(simplestreams)
    assert (failed, tried > 0) == (0, True)


def item(**given: Any) -> dict[str, Any]:
    return {"ftype": "disk1.img", "path": "server/releases/x.img", "sha256": SHA, "size": 10} | given


def product(version: str = "22.04", **given: Any) -> dict[str, Any]:
    versions = given.pop("versions", {"20240101": {"items": {"disk1.img": item()}}})
    return {
        "arch": "amd64",
        "os": "ubuntu",
        "version": version,
        "release_title": f"{version} LTS",
        "versions": versions,
    } | given


def products(*given: dict[str, Any]) -> dict[str, Any]:
    return {"products": {str(number): one for number, one in enumerate(given)}}


def test_i1_the_newest_of_each_release_is_the_numerically_highest() -> None:
    serials = ("20240101", "20240101.10", "20240101.9", "20231231")
    document = products(product(versions={one: {"items": {"d": item(path=one)}} for one in serials}))
    [release] = newest_releases(document, frozenset({"22.04"}), "amd64")
    assert str(release.image) == "Canonical:UbuntuServer:22.04-LTS:22.04.20240101.10"
    assert (release.path, release.sha256, release.size) == ("20240101.10", SHA, 10)
    assert version_key(release.image.version) > version_key("22.04.20240101.9")


def test_only_what_is_wanted_is_taken() -> None:
    document = products(product(), product("18.04"), product("24.10", release_title="24.10"), product(arch="arm64"))
    assert [one.image.sku for one in newest_releases(document, frozenset(), "amd64")] == [
        "18.04-LTS",
        "22.04-LTS",
        "24.10",
    ]
    assert [one.image.sku for one in newest_releases(document, frozenset({"18.04"}), "amd64")] == ["18.04-LTS"]


@pytest.mark.parametrize(
    "bad",
    [
        item(sha256="short"),
        item(path="../../etc/passwd"),
        item(size="large"),
        item(ftype="root.tar.gz"),
        "no object",
    ],
)
def test_a_disk_that_cannot_be_checked_is_no_disk(bad: Any) -> None:
    document = products(product(versions={"20240101": {"items": {"d": bad}}}))
    assert newest_releases(document, frozenset(), "amd64") == []


@pytest.mark.parametrize(("serial", "label"), [("20240101", "beta"), ("latest", "release"), ("2024-01-01", "release")])
def test_what_is_no_release_is_left_out(serial: str, label: str) -> None:
    document = products(product(versions={serial: {"label": label, "items": {"d": item()}}}))
    assert newest_releases(document, frozenset(), "amd64") == []


@pytest.mark.parametrize("document", [None, [], {"products": []}, {"products": {"a": product(versions=[])}}])
def test_what_is_no_index_is_said_to_be_none(document: Any) -> None:
    with pytest.raises(Unreadable):
        newest_releases(document, frozenset(), "amd64")
    with pytest.raises(Unreadable):
        product_files(document)
