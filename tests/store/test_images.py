from datetime import timedelta

import pytest

from instar.store.store import Store
from tests.store.samples import NOW

UBUNTU = ("Canonical", "UbuntuServer", "18.04-LTS")


def publish(store: Store, *versions: str, location: str = "westeurope") -> None:
    for version in versions:
        store.images.publish(*UBUNTU, version, location, {"hyperVGeneration": "V1"}, NOW)


def test_i5_the_platform_skus_are_known_from_the_start_in_every_location(store: Store) -> None:
    assert store.images.publishers("anywhere") == ["Canonical", "MicrosoftWindowsServer", "OpenLogic"]
    assert store.images.offers("Canonical", "anywhere") == ["UbuntuServer"]
    assert store.images.skus("canonical", "UBUNTUSERVER", "anywhere") == ["16.04-LTS", "18.04-LTS"]
    assert store.images.skus("OpenLogic", "CentOS", "anywhere") == ["7.5"]
    assert store.images.skus("MicrosoftWindowsServer", "WindowsServer", "anywhere") == [
        "2012-R2-Datacenter",
        "2016-Datacenter",
        "2016-Datacenter-Smalldisk",
        "2016-Datacenter-with-Containers",
        "2019-Datacenter",
        "2019-Datacenter-Smalldisk",
        "2019-Datacenter-with-Containers",
        "Datacenter-Core-1903-with-Containers-smalldisk",
    ]
    assert store.images.versions(*UBUNTU, "anywhere") == []


def test_i1_versions_are_ordered_numerically(store: Store) -> None:
    publish(store, "18.04.10", "18.04.9", "18.04.202401161", "9.0")
    assert [row.version for row in store.images.versions(*UBUNTU, "westeurope")] == [
        "9.0",
        "18.04.9",
        "18.04.10",
        "18.04.202401161",
    ]


def test_publishing_again_is_the_same_version(store: Store) -> None:
    first, new = store.images.publish(*UBUNTU, "18.04.1", "westeurope", {"a": 1}, NOW)
    assert new
    again, new = store.images.publish(
        "CANONICAL", "ubuntuserver", "18.04-lts", "18.04.01", "West Europe", {"a": 2}, NOW + timedelta(days=1)
    )
    assert not new
    assert (again.published_at, again.version, again.location) == (first.published_at, "18.04.1", "westeurope")
    assert again.properties == {"a": 2}
    assert len(store.images.versions(*UBUNTU, "westeurope")) == 1


def test_names_keep_the_case_of_their_creation(store: Store) -> None:
    store.images.publish("canonical", "UBUNTUserver", "New-Sku", "1.0", "westeurope", {}, NOW)
    row, _ = store.images.publish("CANONICAL", "ubuntuserver", "NEW-sku", "1.1", "westeurope", {}, NOW)
    assert (row.publisher, row.offer, row.sku) == ("Canonical", "UbuntuServer", "New-Sku")
    assert store.images.skus("Canonical", "UbuntuServer", "westeurope") == ["16.04-LTS", "18.04-LTS", "New-Sku"]
    assert store.images.skus("Canonical", "UbuntuServer", "elsewhere") == ["16.04-LTS", "18.04-LTS"]


def test_a_published_line_adds_its_publisher_and_offer_in_its_location(store: Store) -> None:
    store.images.publish("Acme", "Router", "Mini", "1.0", "West US 2", {}, NOW)
    assert "Acme" in store.images.publishers("westus2")
    assert "Acme" not in store.images.publishers("westus")
    assert store.images.offers("acme", "westus2") == ["Router"]
    assert store.images.offers("acme", "westus") == []


def test_p19_a_withdrawn_version_is_offered_no_more_but_stays_known(store: Store) -> None:
    publish(store, "1.0", "2.0")
    store.images.withdraw("canonical", "ubuntuserver", "18.04-lts", "2.0", "WESTEUROPE")
    store.images.withdraw(*UBUNTU, "2.0", "westeurope")
    assert [row.version for row in store.images.versions(*UBUNTU, "westeurope")] == ["1.0"]
    every = store.images.versions(*UBUNTU, "westeurope", include_withdrawn=True)
    assert [(row.version, row.withdrawn) for row in every] == [("1.0", False), ("2.0", True)]
    kept = store.images.get(*UBUNTU, "2.0", "westeurope")
    assert kept is not None
    assert kept.withdrawn


def test_publishing_a_withdrawn_version_offers_it_again(store: Store) -> None:
    publish(store, "1.0")
    store.images.withdraw(*UBUNTU, "1.0", "westeurope")
    row, new = store.images.publish(*UBUNTU, "1.0", "westeurope", {}, NOW)
    assert (row.withdrawn, new) == (False, False)
    assert [one.version for one in store.images.versions(*UBUNTU, "westeurope")] == ["1.0"]


def test_a_version_is_published_in_its_location_only(store: Store) -> None:
    publish(store, "1.0", location="westeurope")
    assert store.images.get(*UBUNTU, "1.0", "northeurope") is None
    assert store.images.versions(*UBUNTU, "northeurope") == []
    store.images.withdraw(*UBUNTU, "1.0", "northeurope")
    assert len(store.images.versions(*UBUNTU, "westeurope")) == 1


@pytest.mark.parametrize("nonsense", ["", "latest", "1.x", "-1", "1..2", "1.2\x00", "\u0661.\u0662", "9" * 5000])
def test_a_version_that_is_none_is_refused_and_not_found(store: Store, nonsense: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        store.images.publish(*UBUNTU, nonsense, "westeurope", {}, NOW)
    assert store.images.get(*UBUNTU, nonsense, "westeurope") is None
    store.images.withdraw(*UBUNTU, nonsense, "westeurope")
    assert store.images.versions(*UBUNTU, "westeurope", include_withdrawn=True) == []


@pytest.mark.parametrize("nonsense", ["", "\x00", "\ud800", "%", "x" * 100_000])
def test_names_that_are_nonsense_find_nothing(store: Store, nonsense: str) -> None:
    publish(store, "1.0")
    assert store.images.offers(nonsense, "westeurope") == []
    assert store.images.skus("Canonical", nonsense, "westeurope") == []
    assert store.images.versions("Canonical", "UbuntuServer", nonsense, "westeurope") == []
    assert store.images.versions(*UBUNTU, nonsense) == []
    assert store.images.get(nonsense, nonsense, nonsense, "1.0", nonsense) is None


def test_all_that_is_on_offer_everywhere(store: Store) -> None:
    for version, location in (("1.0.0", "westeurope"), ("2.0.0", "northeurope"), ("3.0.0", "westeurope")):
        store.images.publish("C", "W", "s", version, location, {}, NOW)
    store.images.withdraw("C", "W", "s", "3.0.0", "westeurope")
    found = {(one.version, one.location) for one in store.images.everywhere()}
    assert found == {("1.0.0", "westeurope"), ("2.0.0", "northeurope")}
