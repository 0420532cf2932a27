"""What an installation keeps: files of secrets, keys, room on disks, certificates, backups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from instar.domain.checkup.findings import Check, Finding, count_of, named, or_ok, problem, warning


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file or folder with secrets or data. `forbidden`: bits of its mode that others must not have."""

    path: str
    mode: int
    owner: str
    forbidden: int = 0o077
    ours: bool = True
    """Whether it belongs to the owner of the data directory."""


def files(found: Sequence[FileFacts]) -> list[Finding]:
    """Whether nobody but the owner can use them."""
    told = [
        problem(
            Check.FILES,
            f"others may use {one.path} (mode {one.mode:04o}, owner {one.owner})",
            f"chmod {'700' if one.mode & 0o100 else '600'} it; if others have read it, rotate what is in it",
        )
        for one in found
        if one.mode & one.forbidden
    ]
    told += [
        warning(
            Check.FILES,
            f"{one.path} belongs to {one.owner}, and the data directory does not",
            "give both to the user as whom Instar runs (chown)",
        )
        for one in found
        if not one.ours and not one.mode & one.forbidden
    ]
    return or_ok(told, Check.FILES, f"{count_of(len(found), 'file')} with data or secrets: their owner's alone")


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """The file of sealing keys. `error`: why it cannot be used."""

    path: str
    error: str = ""
    missing: bool = False
    keys: int = 0
    unopened: int | None = None
    """Secrets in the store that none of its keys opens; None: not looked at."""


def keys(facts: KeyFacts) -> list[Finding]:
    """Whether what is sealed can be opened."""
    if facts.missing:
        return [
            problem(
                Check.KEYS,
                f"there is no key file {facts.path}: nothing that is sealed can be opened",
                "put it back from a backup before anything is started: a new one opens nothing of the old",
            )
        ]
    if facts.error:
        return [problem(Check.KEYS, facts.error, "put the key file back from a backup, mode 0600")]
    if facts.unopened:
        return [
            problem(
                Check.KEYS,
                f"{count_of(facts.unopened, 'secret')} in the store: no key of {facts.path} opens them",
                "put the key that sealed them into the file, on a line of its own (docs/operations.md)",
            )
        ]
    opens = " and opens every secret in the store" if facts.unopened is not None else ""
    return or_ok([], Check.KEYS, f"{facts.path} has {count_of(facts.keys, 'key')}{opens}")


@dataclass(frozen=True, slots=True)
class Room:
    """A place on a disk, in bytes. `needed`: what must stay free, by a setting; 0: nothing is said."""

    what: str
    path: str
    free: int
    total: int
    needed: int = 0


GIB = 1 << 30
FULL, TIGHT = GIB // 2, 2 * GIB
"""Bytes: SQLite and Temporal stop in the first case, and soon will in the second."""

TIGHT_SHARE = 0.05


def disk(rooms: Sequence[Room]) -> list[Finding]:
    """Whether there is room."""
    told = []
    for room in rooms:
        left = f"{room.free / GIB:.1f} of {room.total / GIB:.1f} GiB are free for {room.what} at {room.path}"
        if room.free < max(FULL, room.needed):
            must = f" and {room.needed / GIB:.1f} GiB must stay free" if room.needed > room.free else ""
            told.append(problem(Check.DISK, f"{left}{must}", "make room, or move it to a larger disk"))
        elif room.free < TIGHT or room.free < TIGHT_SHARE * room.total:
            told.append(warning(Check.DISK, left, "make room before it is full: old backups, logs, images without use"))
    least = min(rooms, key=lambda room: room.free, default=None)
    return or_ok(told, Check.DISK, f"{least.free / GIB:.1f} GiB or more are free" if least else "nothing is kept here")


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """One certificate. `error`: why its file cannot be read. `renewed`: whether `instar up` makes it anew by itself."""

    path: str
    ends: datetime | None = None
    error: str = ""
    renewed: bool = False


SOON = timedelta(days=21)
"""`instar up` makes its own anew 30 days before."""


def certificates(found: Sequence[CertificateFacts], now: datetime) -> list[Finding]:
    """Whether each is good, and for a while yet."""
    told = []
    for one in found:
        renew = "start `instar up` anew: it renews it" if one.renewed else "renew it; a running API takes it over"
        if one.ends is None:
            told.append(problem(Check.CERTIFICATES, f"{one.path} cannot be read: {one.error}", renew))
        elif one.ends <= now:
            told.append(problem(Check.CERTIFICATES, f"{one.path} ended on {one.ends:%Y-%m-%d}", renew))
        elif one.ends - now < SOON:
            days = count_of((one.ends - now).days, "day")
            told.append(warning(Check.CERTIFICATES, f"{one.path} ends in {days}, on {one.ends:%Y-%m-%d}", renew))
    first = min((one.ends for one in found if one.ends), default=None)
    good = f"{count_of(len(found), 'certificate')}, good until {first:%Y-%m-%d}" if first else "none is used here"
    return or_ok(told, Check.CERTIFICATES, good)


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What the data directory says of its last backup. `at`: None where none was ever made."""

    at: datetime | None = None
    folder: str = ""
    there: bool = True
    """Whether that folder is still there and whole, as far as this machine sees."""
    error: str = ""


OLD = timedelta(days=7)


def backups(facts: BackupFacts, now: datetime) -> list[Finding]:
    """Whether what is lost with this disk could be put back."""
    nightly = "`instar backup DIR --keep 14` every night (docs/backup.md)"
    if facts.error:
        return [warning(Check.BACKUPS, f"the note of the last backup cannot be read: {facts.error}", nightly)]
    if facts.at is None:
        return [warning(Check.BACKUPS, "no backup of this data directory was ever made by `instar backup`", nightly)]
    told = f"the last backup was made on {facts.at:%Y-%m-%d %H:%MZ}"
    if now - facts.at > OLD:
        return [warning(Check.BACKUPS, f"{told}, {count_of((now - facts.at).days, 'day')} ago", nightly)]
    if not facts.there:
        return [
            warning(
                Check.BACKUPS,
                f"{told}, and {facts.folder} is not there, or not whole",
                "if it was not moved to another machine, make another",
            )
        ]
    return or_ok([], Check.BACKUPS, f"{told}, in {facts.folder}")


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """A client of our own issuer. `seen`: when it last changed something, by the audit log; None: never."""

    name: str
    client_id: str
    created: datetime
    revoked: bool = False
    roles: tuple[str, ...] = ()
    """As `Reader at /`."""
    seen: datetime | None = None


UNUSED = timedelta(days=180)


def credentials(clients: Sequence[ClientFacts], strangers: Mapping[str, str], now: datetime) -> list[Finding]:
    """Whether each client is of use. `strangers`: roles by principals that look like clients of ours, and are none."""
    revoke = "`instar credentials revoke CLIENT` ends it, if nobody needs it"
    good = [one for one in clients if not one.revoked]
    told = []
    if roleless := [one.name for one in good if not one.roles]:
        told.append(warning(Check.CREDENTIALS, f"clients without any role: {named(roleless)}", revoke))
    idle = [
        one.name
        for one in good
        if any(not role.startswith("Reader ") for role in one.roles) and now - (one.seen or one.created) > UNUSED
    ]
    if idle:
        days = UNUSED.days
        found = f"clients that may change things and have changed nothing for {days} days: {named(idle)}"
        told.append(warning(Check.CREDENTIALS, found, revoke))
    if left := [f"{one.name} ({', '.join(one.roles)})" for one in clients if one.revoked and one.roles]:
        found = f"roles of clients that were revoked: {named(left)}"
        told.append(
            warning(Check.CREDENTIALS, found, "they let nobody in; `instar credentials ungrant` takes them away")
        )
    if strangers:
        found = f"roles of clients that there are not: {named(f'{who} ({role})' for who, role in strangers.items())}"
        told.append(warning(Check.CREDENTIALS, found, "`instar credentials ungrant` takes them away"))
    return or_ok(told, Check.CREDENTIALS, f"{count_of(len(good), 'client')}, each with a role and in use")
