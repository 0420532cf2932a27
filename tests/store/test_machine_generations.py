"""Which generation machines are given: the oldest that says the same to them, secrets included."""

from contextlib import closing

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from instar.domain.records.upgrades import UpgradeKind, UpgradeStatus
from instar.store.database.database import MIGRATIONS
from instar.store.database.sealing import Sealer
from instar.store.errors import Missing
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, extension, identity, upgrade


def put(store: Store, changed: dict[str, object]) -> tuple[int, int]:
    """Generation and machine generation after a PUT."""
    current = store.scale_sets.by_unique_id("u-1")
    assert current is not None
    stored = store.scale_sets.put_model("u-1", changed, current.generation, NOW)
    assert store.scale_sets.machine_generation("u-1", stored.generation) == stored.machine_generation
    return stored.generation, stored.machine_generation


@pytest.fixture
def web(store: Store) -> Store:
    secret = extension("setup", {"command": "a"})
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(3, secret, adminPassword="p"), NOW)
    return store


def test_capacity_policy_and_tags_say_nothing_new_to_machines(web: Store) -> None:
    first = document(3, extension("setup"))
    assert put(web, first | {"sku": {"name": "Standard_D2s_v5", "capacity": 9}}) == (2, 1)
    assert put(web, first | {"tags": {"a": "b"}}) == (3, 1)
    policy = {"properties": first["properties"] | {"upgradePolicy": {"mode": "Rolling"}}}
    assert put(web, first | policy) == (4, 1)


def test_profile_size_and_zones_do(web: Store) -> None:
    assert put(web, document(3, extension("setup"), computerNamePrefix="x")) == (2, 2)
    assert put(web, document(3, extension("setup"), computerNamePrefix="x") | {"zones": ["1"]}) == (3, 3)
    larger = document(3, extension("setup"), computerNamePrefix="x") | {"zones": ["1"], "sku": {"name": "Large"}}
    assert put(web, larger) == (4, 4)


def test_f4_a_changed_secret_is_a_change_and_the_same_one_again_is_none(web: Store) -> None:
    assert put(web, document(4, extension("setup", {"command": "a"}), adminPassword="p")) == (2, 1)
    assert put(web, document(4, extension("setup", {"command": "b"}))) == (3, 3)
    assert put(web, document(4, extension("setup"), adminPassword="q")) == (4, 4)
    assert put(web, document(5, extension("setup"))) == (5, 4)


def test_a_model_that_goes_back_is_the_one_that_it_was(web: Store) -> None:
    assert put(web, document(3, extension("setup", {"command": "b"}))) == (2, 2)
    assert put(web, document(3, extension("setup", {"command": "a"}))) == (3, 1)
    assert put(web, document(3, extension("setup"))) == (3, 1), "and nothing new is nothing new"
    assert put(web, document(3, extension("setup", {"command": "b"}))) == (4, 2)


def test_a_secret_taken_away_is_a_change(web: Store) -> None:
    assert put(web, document(3, extension("setup"), adminPassword=None)) == (2, 2)


def test_another_sets_models_do_not_count(web: Store) -> None:
    other = identity("other", "u-2")
    web.scale_sets.create(other, SUBSCRIPTION, "Rg", document(3, computerNamePrefix="x"), NOW)
    assert put(web, document(3, extension("setup"), computerNamePrefix="x")) == (2, 2)


def test_an_unknown_generation_is_missing(web: Store) -> None:
    with pytest.raises(Missing):
        web.scale_sets.machine_generation("u-1", 2)


def test_a1_a2_latest_is_any_rolling_upgrade_the_history_has_os_upgrades_only(web: Store) -> None:
    web.upgrades.write(upgrade(1, UpgradeStatus.COMPLETED))
    web.upgrades.write(upgrade(2, UpgradeStatus.COMPLETED, kind=UpgradeKind.MODEL_CHANGE))
    web.upgrades.write(upgrade(3, UpgradeStatus.COMPLETED, kind=UpgradeKind.INSTANCE_ACTION))
    latest = web.upgrades.latest("u-1")
    assert latest is not None
    assert (latest.number, latest.kind) == (2, UpgradeKind.MODEL_CHANGE)
    assert [one.number for one in web.upgrades.history("u-1", NOW, 9)] == [1]
    assert web.upgrades.last_number("u-1") == 3, "the number of an action is taken as well (F2)"


def test_what_was_written_before_stays_with_its_secrets(url: str, sealer: Sealer) -> None:
    with closing(Store.open(url, sealer)) as store:
        store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(3, adminPassword="p"), NOW)
        store.scale_sets.put_model("u-1", document(4), 1, NOW)
        store.upgrades.write(upgrade(1, UpgradeStatus.COMPLETED))
        _to(store, "0002")
        store.database.bring_up_to_date()
        found = store.scale_sets.by_unique_id("u-1")
        assert found is not None
        assert (found.generation, found.machine_generation) == (2, 2)
        assert store.scale_sets.machine_generation("u-1", 1) == 1
        assert store.scale_sets.open_model("u-1", 2) == document(4, adminPassword="p")
        assert [one.kind for one in store.upgrades.history("u-1", NOW, 9)] == [UpgradeKind.OS_UPGRADE]


def _to(store: Store, revision: str) -> None:
    """Take the newer migrations back."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with store.database.writing() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == revision
