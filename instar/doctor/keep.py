"""Looks at what is kept: files and their modes, keys, room, certificates, backups, credentials."""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from pwd import getpwuid

from cryptography import x509

from instar.backup.backup_manifest import MANIFEST
from instar.backup.last_backup import noted
from instar.client.images import hypervisor
from instar.compute.clock import utc_now
from instar.connection.client import WrongSettings, configuration
from instar.connection.computes import libvirt_settings
from instar.connection.settings import Compute
from instar.doctor.place import NotLooked, Place
from instar.domain.checkup import keeping
from instar.domain.checkup.findings import Finding
from instar.private_files import KEYS, OF_OTHERS, OF_OTHERS_TO_A_KEY_OF_ROOT, OURS, PUBLIC
from instar.store.database.key_file import KeyRing
from instar.store.database.sealing import Sealer
from instar.store.errors import SealingError

FILES_AT_MOST = 10_000
"""Files that one look goes over: logs, and what was put aside."""

MIB = 1 << 20
_CLIENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def files(place: Place) -> list[Finding]:
    """Modes and owners of what is Instar's in the data directory, and of keys that settings name elsewhere."""
    data = place.data.resolve()
    owner = data.stat().st_uid
    elsewhere = [place.known.keys, *([place.known.tls.key] if place.known.tls.key else [])]
    found = [_file(path, owner) for path in (data, *_ours(data))]
    found += [_file(path, owner, outside=True) for path in elsewhere if not path.is_relative_to(data)]
    return keeping.files([one for one in found if one])


def _ours(data: Path) -> Iterator[Path]:
    """Files and folders of ours; what lies in folders that are closed, too: they may be opened one day."""
    left = FILES_AT_MOST
    for path in sorted(data.iterdir()):
        if not any(fnmatchcase(path.name, pattern) for pattern in OURS):
            continue
        yield path
        # What the Azure command line keeps is closed by its folder.
        inside = path.rglob("*") if path.is_dir() and not path.is_symlink() and path.name != "azure" else iter(())
        for one in inside:
            left -= 1
            if left < 0:
                return
            yield one


def _file(path: Path, owner: int, *, outside: bool = False) -> keeping.FileFacts | None:
    try:
        found = path.stat()
    except OSError:
        return None
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        return None
    is_key = any(fnmatchcase(path.name, pattern) for pattern in KEYS)
    forbidden = OF_OTHERS
    if path.suffix == PUBLIC:
        forbidden = 0o022
    elif found.st_uid == 0 and (outside or is_key):
        forbidden = OF_OTHERS_TO_A_KEY_OF_ROOT
    mine = outside or found.st_uid == owner or (is_key and found.st_uid == 0)
    return keeping.FileFacts(str(path), stat.S_IMODE(found.st_mode), _user(found.st_uid), forbidden, mine)


def keys(place: Place) -> list[Finding]:
    """Whether the file can be used, and whether it opens all that is sealed. Makes none where there is none."""
    path = place.known.keys
    if path.is_relative_to(place.data_dir):
        path = place.data / path.relative_to(place.data_dir)
    if not path.exists():
        return keeping.keys(keeping.KeyFacts(str(path), missing=True))
    unopened: int | None = None
    try:
        ring = KeyRing.read(path.read_text(encoding="ascii").splitlines())
        with suppress(NotLooked), place.store() as store:
            unopened = store.unopened(Sealer(lambda: ring))
    except SealingError as error:
        return keeping.keys(keeping.KeyFacts(str(path), error=f"the key file {path} cannot be used: {error}"))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        return keeping.keys(keeping.KeyFacts(str(path), error=f"the key file {path} cannot be read: {why}"))
    return keeping.keys(keeping.KeyFacts(str(path), keys=len(ring.keys), unopened=unopened))


def disk(place: Place) -> list[Finding]:
    """Where data, logs and the images of real machines are."""
    data = place.data
    rooms = [_room("data", data)]
    logs = data / "logs"
    if logs.is_dir() and logs.stat().st_dev != data.stat().st_dev:
        rooms.append(_room("logs", logs))
    if place.known.compute is Compute.LIBVIRT:
        with hypervisor(place.known) as (_, pool):
            info = pool.info()
            needed = libvirt_settings(place.known).reserve_mib * MIB
            rooms.append(keeping.Room("images and disks", f"pool {pool.name()}", info[3], info[1], needed))
    return keeping.disk(rooms)


def _room(what: str, path: Path) -> keeping.Room:
    usage = shutil.disk_usage(path)
    return keeping.Room(what, str(path), usage.free, usage.total)


def certificates(place: Place) -> list[Finding]:
    """Those that are served with, and those that Temporal is reached by."""
    paths: dict[Path, bool] = {}
    with suppress(OSError):
        for folder in ("tls", "temporal"):
            paths |= dict.fromkeys(sorted((place.data_dir / folder).glob("*.crt")), True)
    if place.settings and place.settings.tls.certificate:
        paths.setdefault(place.settings.tls.certificate.absolute(), False)
    found = [_certificate(path, renewed) for path, renewed in paths.items()]
    found += _of_temporal(place)
    return keeping.certificates(found, utc_now())


def _certificate(path: Path, renewed: bool) -> keeping.CertificateFacts:  # noqa: FBT001  # of the facts
    try:
        ends = min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it holds no certificate in PEM"
        return keeping.CertificateFacts(str(path), error=why, renewed=renewed)
    return keeping.CertificateFacts(str(path), ends, renewed=renewed)


def _of_temporal(place: Place) -> list[keeping.CertificateFacts]:
    """What TEMPORAL_TLS_… names; under `instar up` it is a file of the data directory, which was looked at."""
    if (place.data_dir / "temporal.toml").exists() and not any(name.startswith("TEMPORAL_") for name in os.environ):
        return []
    try:
        tls = configuration(place.data_dir).get("tls")
    except WrongSettings:
        return []
    content = getattr(tls, "client_cert", None)
    if not content:
        return []
    named = "the client certificate of the settings for Temporal"
    try:
        ends = min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(content))
    except ValueError:
        return [keeping.CertificateFacts(named, error="it holds no certificate in PEM")]
    return [keeping.CertificateFacts(named, ends)]


def backups(place: Place) -> list[Finding]:
    """The note of the last one, and whether it is still where it was."""
    try:
        last = noted(place.data)
    except (OSError, ValueError) as error:
        return keeping.backups(keeping.BackupFacts(error=str(error)), utc_now())
    if last is None:
        return keeping.backups(keeping.BackupFacts(), utc_now())
    there = False
    with suppress(OSError):
        there = (last.folder / MANIFEST).is_file()
    return keeping.backups(keeping.BackupFacts(last.made_at, str(last.folder), there), utc_now())


def credentials(place: Place) -> list[Finding]:
    """Clients of our own issuer, their roles, and when each last changed something."""
    with place.store() as store:
        clients, roles = store.credentials.all(), store.credentials.assignments()
        seen: dict[str, datetime] = store.audit.last_of_each()
    by_principal: dict[str, list[str]] = {}
    for role in roles:
        by_principal.setdefault(role.principal, []).append(f"{role.grant.role.value} at {role.grant.scope}")
    known = {client.client_id for client in clients}
    facts = [
        keeping.ClientFacts(
            client.name,
            client.client_id,
            client.created_at,
            client.revoked_at is not None,
            tuple(by_principal.get(client.client_id, ())),
            seen.get(client.client_id),
        )
        for client in clients
    ]
    strangers = {
        who: ", ".join(given) for who, given in by_principal.items() if who not in known and _CLIENT_ID.fullmatch(who)
    }
    return keeping.credentials(facts, strangers, utc_now())


def _user(uid: int) -> str:
    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
