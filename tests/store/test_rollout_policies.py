"""Rollout policies in the store: of a set, and the default one (docs/rules.md W1 to W3)."""

from datetime import timedelta

import pytest

from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.store.errors import Conflict, Missing
from instar.store.steering.rollout_policies import DEFAULT
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, identity

WAVES = RolloutPolicy.model_validate({"waves": [1, "5%"], "canary": {"bake": "PT1H"}, "notOn": ["2026-12-24"]})


def anyway(_etag: str) -> None:
    """Whatever is there."""


def never(etag: str) -> None:
    raise Conflict(etag)


@pytest.fixture(autouse=True)
def with_set(store: Store) -> None:
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(), NOW)


@pytest.mark.parametrize("place", ["u-1", DEFAULT])
def test_w1_what_was_stored_is_read_back_with_who_when_and_why(store: Store, place: str) -> None:
    assert store.rollout_policies.get(place) is None
    stored, created = store.rollout_policies.put(place, WAVES, "owner", NOW, "busy", anyway)
    assert created
    assert store.rollout_policies.get(place) == stored
    assert (stored.policy, stored.changed_by, stored.changed_at, stored.reason) == (WAVES, "owner", NOW, "busy")


def test_w1_the_same_again_changes_nothing_and_another_one_changes_the_tag(store: Store) -> None:
    first, _ = store.rollout_policies.put("u-1", WAVES, "owner", NOW, "busy", anyway)
    later = NOW + timedelta(hours=1)
    assert store.rollout_policies.put("u-1", WAVES, "another", later, "busy", anyway) == (first, False)
    tags = {first.etag}
    for policy, reason in ((WAVES, "still busy"), (RolloutPolicy(), "still busy"), (WAVES, "busy")):
        stored, created = store.rollout_policies.put("u-1", policy, "another", later, reason, anyway)
        assert not created
        assert (stored.changed_by, stored.changed_at) == ("another", later)
        tags.add(stored.etag)
    assert len(tags) == 4


def test_w1_what_must_not_be_changed_is_not(store: Store) -> None:
    with pytest.raises(Conflict, match=r"^$"):
        store.rollout_policies.put("u-1", WAVES, "owner", NOW, "", never)
    assert store.rollout_policies.get("u-1") is None
    stored, _ = store.rollout_policies.put("u-1", WAVES, "owner", NOW, "", anyway)
    with pytest.raises(Conflict, match=stored.etag):
        store.rollout_policies.put("u-1", RolloutPolicy(), "owner", NOW, "", never)
    with pytest.raises(Conflict, match=stored.etag):
        store.rollout_policies.delete("u-1", never)
    assert store.rollout_policies.get("u-1") == stored


def test_w1_the_own_policy_is_in_force_else_the_default_one(store: Store) -> None:
    assert store.rollout_policies.in_force("u-1") is None
    default, _ = store.rollout_policies.put(DEFAULT, WAVES, "owner", NOW, "", anyway)
    assert store.rollout_policies.in_force("u-1") == default
    own, _ = store.rollout_policies.put("u-1", RolloutPolicy(), "owner", NOW, "", anyway)
    assert store.rollout_policies.in_force("u-1") == own
    assert store.rollout_policies.delete("u-1", anyway)
    assert not store.rollout_policies.delete("u-1", anyway)
    assert store.rollout_policies.in_force("u-1") == default


def test_w1_a_set_that_is_gone_takes_its_policy_with_it_and_gets_no_other(store: Store) -> None:
    store.rollout_policies.put("u-1", WAVES, "owner", NOW, "", anyway)
    store.rollout_policies.put(DEFAULT, WAVES, "owner", NOW, "", anyway)
    store.scale_sets.delete("u-1")
    assert store.rollout_policies.get("u-1") is None
    with pytest.raises(Missing):
        store.rollout_policies.put("u-1", WAVES, "owner", NOW, "", anyway)
    assert store.rollout_policies.get("u-1") is None
    assert store.rollout_policies.get(DEFAULT) is not None
