"""Of many that come at once for the last places, as many are written as there is room for, whatever the database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from instar.store.errors import QuotaExceeded
from instar.store.quotas import DEPLOYMENTS_TYPE, GROUPS_TYPE, Counted, Quotas
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, identity

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
Write = Callable[[Store, int, Quotas], object]


def write_set(store: Store, number: int, quotas: Quotas) -> object:
    new = identity(f"set{number}", f"u-{number}")
    return store.scale_sets.create(new, SUBSCRIPTION, "Rg", document(), NOW, None, quotas)


def write_group(store: Store, number: int, quotas: Quotas) -> object:
    name = f"group{number}"
    return store.resources.put(GROUPS_TYPE, f"{GROUP}/{name}", SUBSCRIPTION, name, {}, NOW, quotas=quotas)


def write_deployment(store: Store, number: int, quotas: Quotas) -> object:
    path = f"{GROUP}/Rg/providers/{DEPLOYMENTS_TYPE}/{number}"
    return store.resources.put(DEPLOYMENTS_TYPE, path, SUBSCRIPTION, "Rg", {}, NOW, expected_etag=0, quotas=quotas)


def write_network(store: Store, number: int, quotas: Quotas) -> object:
    kind = "Microsoft.Network/virtualNetworks"
    return store.resources.put(
        kind, f"{GROUP}/Rg/providers/{kind}/{number}", SUBSCRIPTION, "Rg", {}, NOW, quotas=quotas
    )


@pytest.mark.parametrize(
    ("counted", "write"),
    [
        (Counted.SCALE_SETS, write_set),
        (Counted.RESOURCE_GROUPS, write_group),
        (Counted.DEPLOYMENTS_PER_GROUP, write_deployment),
        (Counted.DEPLOYMENTS, write_deployment),
        (Counted.RESOURCES, write_network),
    ],
)
def test_of_many_at_once_as_many_are_written_as_there_is_room_for(store: Store, counted: Counted, write: Write) -> None:
    def refused(number: int) -> tuple[str, int] | None:
        try:
            write(store, number, {counted: 3})
        except QuotaExceeded as error:
            return error.counted, error.at_most
        return None

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(refused, range(16)))
    assert (answers.count(None), answers.count((counted, 3))) == (3, 13)
    there = len(store.resources.all_of(SUBSCRIPTION)) + len(store.scale_sets.list(SUBSCRIPTION))
    assert there == 3


def test_two_that_write_the_same_one_at_once_take_one_place(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        written = threads.map(lambda _: write_network(store, 1, {Counted.RESOURCES: 1}), range(8))
        assert len(list(written)) == 8


def test_what_is_not_named_is_not_limited_and_another_subscription_counts_for_itself(store: Store) -> None:
    write_network(store, 1, {Counted.RESOURCES: 1})
    write_set(store, 1, {Counted.RESOURCES: 1})
    kind = "Microsoft.Network/virtualNetworks"
    path = f"/subscriptions/other/resourceGroups/Rg/providers/{kind}/1"
    store.resources.put(kind, path, "other", "Rg", {}, NOW, quotas={Counted.RESOURCES: 1})
    with pytest.raises(QuotaExceeded):
        write_network(store, 2, {Counted.RESOURCES: 1})
