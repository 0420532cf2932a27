"""Locks that processes on several hosts see: one holder at a time, freed with it, and told when they were lost."""

import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import psycopg
import pytest

from instar.store.database import gate_locks
from instar.store.database.gate_locks import GateLocks
from instar.store.errors import Unavailable

HOLDER = textwrap.dedent("""
    import sys
    from instar.store.database.gate_locks import GateLocks
    with GateLocks(sys.argv[1]).held(sys.argv[2]):
        print("held", flush=True)
        sys.stdin.read()
""")
SECONDS = 60.0


@pytest.fixture
def locks(postgres_server: str) -> Iterator[GateLocks]:
    with closing(GateLocks(f"{postgres_server}/postgres")) as made:
        yield made


def asked(locks: GateLocks, name: str) -> tuple[threading.Thread, threading.Event]:
    """Somebody who asks for the lock, and whether it was had."""
    had = threading.Event()

    def ask() -> None:
        with locks.held(name):
            had.set()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    return asking, had


def waits(postgres_server: str, count: int = 1) -> None:
    """Until so many wait for an advisory lock in the database."""
    with closing(psycopg.connect(f"{postgres_server}/postgres", autocommit=True)) as connection:
        for _ in range(600):
            query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            [[found]] = connection.execute(query).fetchall()
            if found == count:
                return
            threading.Event().wait(0.1)
    raise AssertionError("nobody waits")


def test_f2_one_holder_at_a_time_and_others_of_other_names_beside_it(locks: GateLocks, postgres_server: str) -> None:
    with closing(GateLocks(f"{postgres_server}/postgres")) as other:
        with locks.held("web_1"), locks.held("ports"):
            asking, had = asked(other, "web_1")
            waits(postgres_server)
            assert not had.is_set()
            with other.held("web_2"):
                pass
        assert had.wait(SECONDS)
        asking.join(SECONDS)


def test_f2_a_process_that_is_killed_frees_what_it_held(locks: GateLocks, postgres_server: str) -> None:
    with subprocess.Popen(  # noqa: S603  # our own
        [sys.executable, "-c", HOLDER, f"{postgres_server}/postgres", "web_3"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        asking, had = asked(locks, "web_3")
        waits(postgres_server)
        assert not had.is_set()
        holder.kill()
        assert had.wait(SECONDS)
        asking.join(SECONDS)


def test_f2_whoever_lost_the_lock_while_working_is_told(locks: GateLocks, postgres_server: str) -> None:
    with (
        closing(psycopg.connect(f"{postgres_server}/postgres", autocommit=True)) as connection,
        pytest.raises(Unavailable),
        locks.held("web_4"),
    ):
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
    with locks.held("web_4"):
        pass


def test_f2_a_lock_that_is_not_had_in_time_is_asked_for_later(
    locks: GateLocks, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_locks, "WAIT", gate_locks.WAIT / 600)
    with ExitStack() as opened:
        other = opened.enter_context(closing(GateLocks(f"{postgres_server}/postgres")))
        opened.enter_context(other.held("web_5"))
        with pytest.raises(Unavailable, match="lock timeout"), locks.held("web_5"):
            raise AssertionError("two hold it")


def test_f2_what_fails_inside_is_raised_as_it_is(locks: GateLocks) -> None:
    with pytest.raises(KeyError), locks.held("web_6"):
        raise KeyError
