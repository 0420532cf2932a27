"""Sessions of the page and links to it, on SQLite and on PostgreSQL."""

from contextlib import closing
from datetime import timedelta

from cryptography.fernet import Fernet

from instar.store.database.sealing import Sealer
from instar.store.page.attempts import ATTEMPT_LASTS
from instar.store.page.links import LINK_LASTS
from instar.store.page.proofs import Proof
from instar.store.page.sessions import OF_ONE_AT_MOST, RENEWING
from instar.store.store import Store
from tests.store.samples import NOW

LATER = NOW + timedelta(hours=8)
PROOF = Proof(token="a-token", refresh="a-refresh")


def test_a_session_is_found_by_its_cookie_until_it_is_over(store: Store) -> None:
    store.page_sessions.begin("v", "ada", PROOF, NOW, LATER)
    found = store.page_sessions.find("v", LATER - timedelta(seconds=1))
    assert found
    assert (found.principal, found.etag, found.begun_at, found.ends_at) == ("ada", 1, NOW, LATER)
    assert store.page_sessions.proof(found) == PROOF
    assert store.page_sessions.find("v", LATER) is None
    assert store.page_sessions.find("w", NOW) is None
    assert store.page_sessions.end("v")
    assert not store.page_sessions.end("v")


def test_another_process_sees_the_same_sessions(store: Store, url: str, sealer: Sealer) -> None:
    with closing(Store.open(url, sealer)) as other:
        store.page_sessions.begin("v", "ada", PROOF, NOW, LATER)
        found = other.page_sessions.find("v", NOW)
        assert found
        assert other.page_sessions.proof(found) == PROOF
        assert other.page_sessions.end("v")
    assert store.page_sessions.find("v", NOW) is None


def test_of_one_principal_the_newest_stay(store: Store) -> None:
    for number in range(OF_ONE_AT_MOST + 3):
        store.page_sessions.begin(f"v{number}", "ada", PROOF, NOW + timedelta(seconds=number), LATER)
    store.page_sessions.begin("bob's", "bob", PROOF, NOW, LATER)
    there = [number for number in range(OF_ONE_AT_MOST + 3) if store.page_sessions.find(f"v{number}", NOW)]
    assert there == list(range(3, OF_ONE_AT_MOST + 3))
    assert store.page_sessions.find("bob's", NOW)


def test_what_is_over_is_forgotten(store: Store) -> None:
    store.page_sessions.begin("a", "ada", PROOF, NOW, NOW + timedelta(hours=1))
    store.page_sessions.begin("b", "ada", PROOF, NOW, LATER)
    store.page_links.make("c", "ada", PROOF, NOW)
    assert store.page_sessions.forget(NOW + timedelta(hours=1)) == 1
    assert store.page_sessions.find("b", NOW)
    assert store.page_links.forget(NOW + LINK_LASTS - timedelta(seconds=1)) == 0
    assert store.page_links.forget(NOW + LINK_LASTS) == 1


def test_of_renewals_one_is_under_way_and_what_it_brings_is_kept_once(store: Store) -> None:
    sessions = store.page_sessions
    sessions.begin("v", "ada", PROOF, NOW, LATER)
    assert sessions.may_renew("v", 1, NOW)
    assert not sessions.may_renew("v", 1, NOW)
    sessions.leave("v", 1)
    assert sessions.may_renew("v", 1, NOW)
    assert not sessions.may_renew("v", 1, NOW + RENEWING - timedelta(seconds=1))
    assert sessions.may_renew("v", 1, NOW + RENEWING)
    assert sessions.renew("v", 1, Proof(token="new", refresh="r"))
    assert not sessions.renew("v", 1, Proof(token="late", refresh="r"))
    assert not sessions.may_renew("v", 1, NOW + RENEWING * 2)
    found = sessions.find("v", NOW)
    assert found
    assert (found.etag, sessions.proof(found).token) == (2, "new")
    assert sessions.may_renew("v", 2, NOW)


def test_what_is_sealed_is_sealed_anew_and_what_no_key_opens_is_over(store: Store, url: str) -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    with closing(Store.open(url, Sealer(keys[:1]))) as old:
        old.page_sessions.begin("v", "ada", PROOF, NOW, LATER)
        old.page_links.make("c", "ada", PROOF, NOW)
    store.page_sessions.begin("lost", "ada", PROOF, NOW, LATER)
    with closing(Store.open(url, Sealer(keys[::-1]))) as both:
        assert both.reseal() == 1
        assert both.page_links.take("c", NOW) is None
    with closing(Store.open(url, Sealer(keys[1:]))) as new:
        found = new.page_sessions.find("v", NOW)
        assert found
        assert new.page_sessions.proof(found) == PROOF


def test_a_proof_shows_no_token_and_neither_does_its_row(store: Store) -> None:
    assert "a-token" not in repr(PROOF)
    assert "a-refresh" not in repr(PROOF)
    store.page_sessions.begin("the-value", "ada", PROOF, NOW, LATER)
    store.page_links.make("the-code", "ada", PROOF, NOW)
    with store.database.reading() as connection:
        rows = [connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in ("page_sessions", "page_links")]  # noqa: S608
    for secret in ("the-value", "the-code", "a-token", "a-refresh"):
        assert secret not in str(rows)


def test_a_link_is_taken_once_and_in_time(store: Store) -> None:
    for code in ("a", "b", "c"):
        store.page_links.make(code, "ada", PROOF, NOW)
    assert store.page_links.take("a", NOW + LINK_LASTS - timedelta(seconds=1)) == PROOF
    assert store.page_links.take("a", NOW) is None
    assert store.page_links.take("b", NOW + LINK_LASTS) is None
    assert store.page_links.take("b", NOW) is None
    assert store.page_links.take("nonsense\x00", NOW) is None


def test_a_login_under_way_is_remembered_for_ten_minutes_by_whoever_has_it(store: Store) -> None:
    sealed = store.page_attempts.sealed({"state": "s"}, NOW)
    assert "state" not in sealed
    assert store.page_attempts.opened(sealed, NOW + ATTEMPT_LASTS - timedelta(seconds=1)) == {"state": "s"}
    assert store.page_attempts.opened(sealed, NOW + ATTEMPT_LASTS) is None
    for nonsense in ("", "x", sealed[:-4] + "AAAA", "\x00"):
        assert store.page_attempts.opened(nonsense, NOW) is None
