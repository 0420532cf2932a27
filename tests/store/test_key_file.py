"""The ring of keys as a file: what is said of it, and changes while it is open (docs/rules.md F5)."""

import logging
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from instar.store.database.key_file import Key, KeyFile, KeyRing
from instar.store.database.sealing import Sealer
from instar.store.errors import SealingError

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
"""The bytes 0 to 31."""


def names(keys: KeyRing) -> list[str]:
    return [key.fingerprint for key in keys.keys]


def test_f5_what_is_derived_is_the_same_for_ever_and_another_for_each_purpose() -> None:
    key = Key(TEXT)
    assert key.derived(b"a") == Key(TEXT).derived(b"a")
    assert len({key.derived(purpose) for purpose in (b"a", b"b", b"")}) == 3
    assert key.derived(b"a", 8) == key.derived(b"a")[:8]
    assert key.fingerprint == Key(TEXT).fingerprint != Key(Fernet.generate_key().decode()).fingerprint
    # HMAC(HMAC(32 zeros, the key), purpose and 01), as RFC 5869 has it.
    assert key.fingerprint == "244d05ea660bb9bc"
    assert TEXT not in repr(key)


def test_f5_a_file_that_is_open_shows_the_key_that_was_added_and_seals_with_it(tmp_path: Path) -> None:
    path = tmp_path / "seal.keys"
    running, sealer = KeyFile(path), Sealer.from_file(path)
    before = running.ring()
    token = sealer.seal("text")
    made = KeyFile(path).add_first(NOW)
    assert names(running.ring()) == [made.fingerprint, *names(before)]
    assert made.made_at == NOW
    assert sealer.open(token) == "text"
    later = sealer.seal("text")
    KeyFile(path).drop(frozenset(names(before)))
    assert names(running.ring()) == [made.fingerprint]
    assert sealer.open(later) == "text"
    with pytest.raises(SealingError):
        sealer.open(token)


def test_a_changed_file_is_whole_private_and_keeps_what_somebody_wrote_into_it(tmp_path: Path) -> None:
    path = tmp_path / "seal.keys"
    mine = Fernet.generate_key().decode()
    path.touch(mode=0o600)
    path.write_text(f"# the first one, by hand\n\n{mine}\n")
    path.chmod(0o644)
    with pytest.raises(SealingError, match="others may use"):
        KeyFile(path)
    path.chmod(0o600)
    keys = KeyFile(path)
    assert keys.ring().keys[0].made_at is None
    keys.add_first(NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made, text, *rest = path.read_text().splitlines()
    assert (made, rest) == ("# made 2026-11-30T12:00:00Z", ["# the first one, by hand", "", mine])
    assert keys.ring().keys[0].fingerprint == Key(text).fingerprint
    keys.add_first(NOW)
    keys.drop(frozenset({Key(text).fingerprint}))
    assert path.read_text().count("# made") == 1
    assert names(keys.ring())[1] == Key(mine).fingerprint
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    KeyFile(tmp_path / "elsewhere" / "keys")
    link = tmp_path / "seal.keys"
    link.symlink_to(tmp_path / "elsewhere" / "keys")
    keys = KeyFile(link)
    keys.add_first(NOW)
    assert link.is_symlink()
    assert len(keys.ring().keys) == len(KeyFile(tmp_path / "elsewhere" / "keys").ring().keys) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_rotation_by_root_leaves_the_file_to_its_owner(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "seal.keys")
    os.chown(keys.path, 1234, 1234)
    keys.add_first(NOW)
    assert (keys.path.stat().st_uid, keys.path.stat().st_gid) == (1234, 1234)


def test_rotations_at_once_lose_no_key(tmp_path: Path) -> None:
    path = tmp_path / "seal.keys"
    KeyFile(path)
    made: list[str] = []
    together = threading.Barrier(8)

    def rotate() -> None:
        keys = KeyFile(path)
        together.wait()
        made.append(keys.add_first(NOW).fingerprint)

    threads = [threading.Thread(target=rotate) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(KeyFile(path).ring().keys) == 9


def test_the_key_that_seals_is_never_dropped(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "seal.keys")
    before = keys.path.read_bytes()
    with pytest.raises(SealingError, match="is not taken out"):
        keys.drop(frozenset(names(keys.ring())))
    assert keys.path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"\xff\xfe", None])
def test_a_file_that_is_spoilt_while_it_is_open_changes_nothing_and_is_told_once(
    tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    keys = KeyFile(tmp_path / "seal.keys")
    had, text = names(keys.ring()), keys.path.read_bytes()
    if content is None:
        keys.path.unlink()
    else:
        keys.path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert names(keys.ring()) == names(keys.ring()) == had
    assert len(caplog.records) == 1
    assert "nonsense" not in caplog.text
    with pytest.raises(SealingError):
        keys.add_first(NOW)
    assert not keys.path.exists() if content is None else keys.path.read_bytes() == content
    keys.path.write_bytes(text)
    assert names(keys.ring()) == had


def test_a_moment_that_is_none_is_not_known() -> None:
    assert KeyRing.read(["# made yesterday", TEXT]).keys[0].made_at is None
    assert KeyRing.read(["# made 2026-11-30T12:00:00Z", TEXT]).keys[0].made_at == NOW
    assert KeyRing.read(["# made 2026-11-30T12:00:00Z", "", "# a word more", TEXT]).keys[0].made_at is None
