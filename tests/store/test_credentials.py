import hashlib
from datetime import timedelta

from sqlalchemy import select

from instar.domain.access import Grant, Role
from instar.store.audit import Entry
from instar.store.database.tables import CREDENTIALS
from instar.store.store import Store
from tests.store.samples import NOW

OWNER = Grant(Role.OWNER, "/")
READER = Grant(Role.READER, "/subscriptions/S/resourceGroups/Farm")


def test_a_client_is_known_by_its_secret_until_it_is_revoked(store: Store) -> None:
    made, secret = store.credentials.create("night", READER, NOW)
    assert store.credentials.authenticated(made.client_id, secret) == made
    for wrong in ("", secret[:-1], secret + "x", "\ud800"):
        assert store.credentials.authenticated(made.client_id, wrong) is None
    assert store.credentials.authenticated("nobody", secret) is None
    assert store.credentials.revoke(made.client_id, NOW + timedelta(days=1))
    assert not store.credentials.revoke(made.client_id, NOW)
    assert store.credentials.authenticated(made.client_id, secret) is None
    revoked = store.credentials.get(made.client_id)
    assert revoked is not None
    assert revoked.revoked_at == NOW + timedelta(days=1)


def test_a_secret_is_kept_as_a_hash_alone(store: Store) -> None:
    _, secret = store.credentials.create("night", OWNER, NOW)
    _, other = store.credentials.create("night", OWNER, NOW)
    assert secret != other
    with store.database.reading() as connection:
        rows = connection.execute(select(CREDENTIALS)).all()
    assert secret not in repr(rows)
    assert len({row.secret_hash for row in rows}) == 2
    assert len({row.salt for row in rows}) == 2  # one table of hashes does not do for all of them


def test_roles_belong_to_principals_of_ours_and_of_others(store: Store) -> None:
    made, _ = store.credentials.create("night", READER, NOW)
    store.credentials.assign("group-of-another-issuer", OWNER)
    store.credentials.assign("group-of-another-issuer", OWNER)
    assert store.credentials.grants((made.client_id,)) == (READER,)
    assert store.credentials.grants(("someone", "group-of-another-issuer")) == (OWNER,)
    assert store.credentials.grants(()) == ()
    assert len(store.credentials.assignments()) == 2
    assert store.credentials.unassign("group-of-another-issuer", Grant(Role.OWNER, "/"))
    assert not store.credentials.unassign("group-of-another-issuer", OWNER)
    assert store.credentials.grants(("group-of-another-issuer",)) == ()


def test_the_audit_log_tells_the_newest_first_of_a_path(store: Store) -> None:
    for number, resource in enumerate(("/subscriptions/S/a", "/subscriptions/S/b", "/subscriptions/s/A/x")):
        store.audit.add(Entry(NOW + timedelta(seconds=number), "me", "night", "x/write", resource, 202, "op"))
    assert [one.resource[-1] for one in store.audit.newest(10)] == ["x", "b", "a"]
    assert [one.resource for one in store.audit.newest(10, "/subscriptions/s/a")] == [
        "/subscriptions/s/A/x",
        "/subscriptions/S/a",
    ]
    assert store.audit.newest(1)[0].at == NOW + timedelta(seconds=2)
    assert store.audit.newest(-1) == []
    assert store.audit.newest(10, "%") == store.audit.newest(10, "S_a") == []


def test_the_audit_log_forgets_what_is_older_than_it_is_kept_for(store: Store) -> None:
    for days in range(5):
        store.audit.add(Entry(NOW + timedelta(days=days), "me", "night", "x/write", f"/{days}", 202, ""))
    assert store.audit.forget(NOW + timedelta(days=2)) == 2
    assert [one.resource for one in store.audit.newest(10)] == ["/4", "/3", "/2"]
    assert store.audit.forget(NOW) == 0


def test_a_secret_can_be_pasted_into_any_command_line(store: Store) -> None:
    secrets = [store.credentials.create("night", OWNER, NOW)[1] for _ in range(40)]
    assert all(secret.isalnum() for secret in secrets)
    assert {len(secret) for secret in secrets} == {64}  # 256 bits


def test_a_secret_of_another_client_is_no_secret(store: Store) -> None:
    one, secret = store.credentials.create("night", OWNER, NOW)
    other, _ = store.credentials.create("night", OWNER, NOW)
    assert store.credentials.authenticated(other.client_id, secret) is None
    assert store.credentials.authenticated(one.client_id.upper(), secret) is None
    assert len(secret) >= 43  # 256 bits
    assert store.credentials.get("nobody") is None


def test_clients_are_told_apart_and_the_oldest_comes_first(store: Store) -> None:
    later, _ = store.credentials.create("b", OWNER, NOW + timedelta(days=1))
    first, _ = store.credentials.create("a", OWNER, NOW)
    assert store.credentials.all() == [first, later]
    assert store.credentials.revoke(first.client_id, NOW)
    assert [one.revoked_at for one in store.credentials.all()] == [NOW, None]
    assert not store.credentials.revoke("nobody", NOW)


def test_a_role_is_taken_away_at_its_scope_alone(store: Store) -> None:
    made, _ = store.credentials.create("night", READER, NOW)
    store.credentials.assign(made.client_id, Grant(Role.OWNER, READER.scope))
    store.credentials.assign(made.client_id, Grant(Role.READER, "/subscriptions/S"))
    assert store.credentials.unassign(made.client_id, Grant(Role.READER, READER.scope.upper()))
    assert set(store.credentials.grants((made.client_id,))) == {
        Grant(Role.OWNER, READER.scope),
        Grant(Role.READER, "/subscriptions/S"),
    }


def test_a_revoked_client_has_no_roles_and_its_namesakes_keep_theirs(store: Store) -> None:
    gone, _ = store.credentials.create("night", OWNER, NOW)
    stays, _ = store.credentials.create("night", READER, NOW)
    assert store.credentials.revoke(gone.client_id, NOW)
    assert store.credentials.grants((gone.client_id,)) == ()
    assert store.credentials.grants((gone.client_id, stays.client_id)) == (READER,)


def test_a_secret_of_an_earlier_release_is_good_and_kept_fast_from_then_on(store: Store) -> None:
    made, secret = store.credentials.create("night", READER, NOW)
    _keep_slow(store, made.client_id, secret)
    slow = store.credentials.stored(made.client_id)
    assert slow is not None
    assert slow.is_slow
    assert slow.is_opened_by(secret)
    assert not slow.is_opened_by(secret + "x")
    store.credentials.keep_fast(made.client_id, secret)
    fast = store.credentials.stored(made.client_id)
    assert fast is not None
    assert not fast.is_slow
    assert fast.is_opened_by(secret)
    store.credentials.keep_fast(made.client_id, "another")
    again = store.credentials.stored(made.client_id)
    assert again == fast, "only a slow one is replaced"


def _keep_slow(store: Store, client_id: str, secret: str) -> None:
    """As releases up to 0.2.0 did."""
    hashed = hashlib.scrypt(secret.encode(), salt=b"salt", n=2**14, r=8, p=1, dklen=32).hex()
    with store.database.writing() as connection:
        change = CREDENTIALS.update().where(CREDENTIALS.c.client_id == client_id)
        connection.execute(change.values(salt="salt", secret_hash=hashed))
