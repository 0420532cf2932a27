"""What the doctor makes of files, keys, room, certificates, backups and credentials."""

from datetime import UTC, datetime, timedelta

import pytest

from instar.domain.checkup import keeping
from instar.domain.checkup.findings import Check, Level
from instar.domain.checkup.keeping import BackupFacts, CertificateFacts, ClientFacts, FileFacts, KeyFacts, Room
from tests.domain.checkup.test_reaching_and_agreeing import OK, PROBLEM, WARNING, judged

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
GIB = 1 << 30


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (FileFacts("/d/seal.keys", 0o600, "ann"), (OK, "1 file")),
        (FileFacts("/d/seal.keys", 0o640, "ann"), (PROBLEM, "others may use /d/seal.keys (mode 0640, owner ann)")),
        (FileFacts("/d/seal.keys", 0o604, "ann"), (PROBLEM, "mode 0604")),
        (FileFacts("/d/seal.keys", 0o620, "ann"), (PROBLEM, "mode 0620")),
        (FileFacts("/d/seal.keys", 0o440, "root", 0o037), (OK, "1 file")),
        (FileFacts("/d/ca.crt", 0o644, "ann", 0o022), (OK, "1 file")),
        (FileFacts("/d/ca.crt", 0o664, "ann", 0o022), (PROBLEM, "/d/ca.crt")),
        (FileFacts("/d/seal.keys", 0o600, "bob", ours=False), (WARNING, "/d/seal.keys belongs to bob")),
        (FileFacts("/d/seal.keys", 0o644, "bob", ours=False), (PROBLEM, "owner bob")),
    ],
)
def test_files(facts: FileFacts, expected: tuple[Level, str]) -> None:
    found = keeping.files([facts])
    judged(found, Check.FILES, expected)
    assert expected[0] is not PROBLEM or "chmod 600" in found[0].do


def test_a_folder_is_closed_otherwise_than_a_file() -> None:
    assert "chmod 700" in keeping.files([FileFacts("/d/logs", 0o755, "ann")])[0].do


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (KeyFacts("/k", keys=2, unopened=0), (OK, "/k has 2 keys and opens every secret")),
        (KeyFacts("/k", keys=1), (OK, "/k has 1 key")),
        (KeyFacts("/k", keys=1, unopened=3), (PROBLEM, "3 secrets in the store: no key of /k opens them")),
        (KeyFacts("/k", missing=True), (PROBLEM, "there is no key file /k")),
        (KeyFacts("/k", error="/k holds no keys"), (PROBLEM, "/k holds no keys")),
    ],
)
def test_keys(facts: KeyFacts, expected: tuple[Level, str]) -> None:
    judged(keeping.keys(facts), Check.KEYS, expected)


@pytest.mark.parametrize(
    ("free", "total", "needed", "expected"),
    [
        (50, 100, 0, (OK, "50.0 GiB or more are free")),
        (2, 10, 0, (OK, "2.0 GiB")),
        (1.9, 10, 0, (WARNING, "1.9 of 10.0 GiB are free for data at /d")),
        (4.9, 100, 0, (WARNING, "4.9 of 100.0")),
        (5, 100, 0, (OK, "5.0")),
        (0.5, 10, 0, (WARNING, "0.5")),
        (0.4, 10, 0, (PROBLEM, "0.4")),
        (50, 100, 60, (PROBLEM, "50.0 of 100.0 GiB are free for data at /d and 60.0 GiB must stay free")),
    ],
)
def test_disk(free: float, total: float, needed: float, expected: tuple[Level, str]) -> None:
    room = Room("data", "/d", int(free * GIB), int(total * GIB), int(needed * GIB))
    judged(keeping.disk([room]), Check.DISK, expected)
    judged(keeping.disk([]), Check.DISK, (OK, "nothing is kept"))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (CertificateFacts("/c", NOW + timedelta(days=21)), (OK, "1 certificate, good until 2026-12-21")),
        (CertificateFacts("/c", NOW + timedelta(days=20, hours=23)), (WARNING, "/c ends in 20 days, on 2026-12-21")),
        (CertificateFacts("/c", NOW), (PROBLEM, "/c ended on 2026-11-30")),
        (CertificateFacts("/c", error="it is no text"), (PROBLEM, "/c cannot be read: it is no text")),
    ],
)
def test_certificates(facts: CertificateFacts, expected: tuple[Level, str]) -> None:
    judged(keeping.certificates([facts], NOW), Check.CERTIFICATES, expected)
    judged(keeping.certificates([], NOW), Check.CERTIFICATES, (OK, "none is used here"))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (BackupFacts(NOW - timedelta(days=7), "/b/1"), (OK, "the last backup was made on 2026-11-23 12:00Z, in /b/1")),
        (BackupFacts(NOW - timedelta(days=7, seconds=1), "/b/1"), (WARNING, "7 days ago")),
        (BackupFacts(NOW - timedelta(days=1), "/b/1", there=False), (WARNING, "/b/1 is not there, or not whole")),
        (BackupFacts(), (WARNING, "no backup of this data directory was ever made")),
        (BackupFacts(error="no note"), (WARNING, "no note")),
    ],
)
def test_backups(facts: BackupFacts, expected: tuple[Level, str]) -> None:
    judged(keeping.backups(facts, NOW), Check.BACKUPS, expected)


OLD = NOW - timedelta(days=181)
READER, OWNER = "Reader at /", "Owner at /"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (ClientFacts("ci", "1", NOW, roles=(OWNER,)), (OK, "1 client, each with a role")),
        (ClientFacts("ci", "1", OLD, roles=(OWNER,), seen=NOW), (OK, "1 client")),
        (ClientFacts("ci", "1", OLD, roles=(READER,)), (OK, "1 client")),
        (ClientFacts("ci", "1", OLD, roles=(OWNER,)), (WARNING, "have changed nothing for 180 days: ci")),
        (ClientFacts("ci", "1", OLD, roles=(READER, OWNER), seen=OLD), (WARNING, "180 days: ci")),
        (ClientFacts("ci", "1", NOW), (WARNING, "without any role: ci")),
        (ClientFacts("ci", "1", OLD, revoked=True), (OK, "0 clients")),
        (ClientFacts("ci", "1", OLD, revoked=True, roles=(OWNER,)), (WARNING, "revoked: ci (Owner at /)")),
    ],
)
def test_credentials(facts: ClientFacts, expected: tuple[Level, str]) -> None:
    judged(keeping.credentials([facts], {}, NOW), Check.CREDENTIALS, expected)


def test_roles_of_nobody() -> None:
    judged(keeping.credentials([], {"x-1": READER}, NOW), Check.CREDENTIALS, (WARNING, "x-1 (Reader at /)"))
