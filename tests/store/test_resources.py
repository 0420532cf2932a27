from datetime import timedelta

import pytest

from instar.store.errors import Conflict, Unstorable
from instar.store.store import Store
from tests.store.samples import NOW

KIND = "Microsoft.Network/loadBalancers"
GROUP = "/subscriptions/S/resourceGroups/Farm"
FRONT = f"{GROUP}/providers/{KIND}/Front"
GALLERY = f"{GROUP}/providers/Microsoft.Compute/galleries/g"


def put(store: Store, resource_id: str = FRONT, document: object = None, **options: object) -> tuple[object, bool]:
    given = {"a": 1} if document is None else document
    return store.resources.put(KIND, resource_id, "S", "Farm", given, NOW, **options)  # type: ignore[arg-type]


def test_a_resource_is_found_in_any_case_and_keeps_the_case_of_its_creation(store: Store) -> None:
    put(store)
    again, new = store.resources.put(KIND.upper(), FRONT.lower(), "s", "farm", {"a": 2}, NOW + timedelta(days=1))
    assert not new
    assert (again.resource_id, again.name, again.type, again.created_at) == (FRONT, "Front", KIND, NOW)
    assert (again.document, again.etag) == ({"a": 2}, 2)
    assert store.resources.find(FRONT.upper()) == again
    assert store.resources.find(f"{FRONT}x") is None


def test_the_same_document_changes_nothing(store: Store) -> None:
    first, new = put(store)
    assert new
    assert put(store) == (first, False)


def test_an_etag_that_is_not_the_one_expected_is_a_conflict(store: Store) -> None:
    put(store, expected_etag=0)
    for etag in (0, 2):
        with pytest.raises(Conflict):
            put(store, document={"a": 2}, expected_etag=etag)
    found = store.resources.find(FRONT)
    assert found is not None
    assert found.document == {"a": 1}
    put(store, document={"a": 2}, expected_etag=1)


def test_lists_are_of_one_type_and_one_place(store: Store) -> None:
    put(store)
    store.resources.put(KIND, FRONT.replace("Farm", "Other"), "S", "Other", {}, NOW)
    store.resources.put("Microsoft.Compute/galleries", GALLERY, "S", "Farm", {}, NOW)
    assert [one.resource_group for one in store.resources.of_type(KIND, "s")] == ["Farm", "Other"]
    assert [one.resource_id for one in store.resources.of_type(KIND, "s", "FARM")] == [FRONT]
    assert store.resources.of_type(KIND, "t") == []


def test_what_is_below_a_resource_goes_with_it_and_nothing_else(store: Store) -> None:
    kinds = ("Microsoft.Compute/galleries/images", "Microsoft.Compute/galleries/images/versions")
    image, version = f"{GALLERY}/images/i", f"{GALLERY}/images/i/versions/1.0.0"
    store.resources.put("Microsoft.Compute/galleries", GALLERY, "S", "Farm", {}, NOW)
    store.resources.put("Microsoft.Compute/galleries", f"{GALLERY}_2", "S", "Farm", {}, NOW)
    store.resources.put(kinds[0], image, "S", "Farm", {}, NOW, parent_id=GALLERY)
    store.resources.put(kinds[1], version, "S", "Farm", {}, NOW, parent_id=image)
    assert [one.name for one in store.resources.children(kinds[1], image.upper())] == ["1.0.0"]
    assert store.resources.children(kinds[1], GALLERY) == []
    assert store.resources.delete(GALLERY.upper())
    assert [store.resources.find(one) for one in (GALLERY, image, version)] == [None, None, None]
    assert store.resources.find(f"{GALLERY}_2") is not None
    assert not store.resources.delete(GALLERY)


def test_what_is_no_json_is_not_stored(store: Store) -> None:
    with pytest.raises(Unstorable):
        put(store, document={"a": float("nan")})
    assert store.resources.find(FRONT) is None
