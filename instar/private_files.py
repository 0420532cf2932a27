"""What holds data or keys is its owner's alone: the umask of every process of ours, and the modes of what is there.

Inside the data directory what is ours is tightened, and that is said; what is another user's and open is refused.
Outside it nothing is changed: a file that is too open there is refused, with what to do. No mode is changed by a link.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from pwd import getpwuid

UMASK = 0o077
OF_OTHERS = 0o077
"""What nobody but the owner may do."""

OF_OTHERS_TO_A_KEY_OF_ROOT = 0o037
"""Orchestrators give a secret to a process by its group: root's, readable by the group."""

OURS = (
    *("store.sqlite*", "fleet.sqlite*", "temporal.db*", "seal.keys*", ".seal.keys.*", "signing.key*", ".signing.key.*"),
    *("owner.json", ".owner.json.*", "in-use.lock", "instar.lock", "restore.unfinished", ".restore-*"),
    *("temporal", "temporal.toml", ".temporal.toml.*", "last-backup.json", ".last-backup.json.*"),
    *("page.json", ".page.json.*", "page-link.html", ".page-link.html.*"),
    *("logs", "gates", "uploads", "downloads", "tls", "azure", "before-restore-*"),
)
"""Names in a data directory that are Instar's; what else is there is left alone."""

CLOSED_BY_ITS_FOLDER = "azure"
"""What the Azure command line keeps: thousands of files of its own, and no way to them but through their folder."""

DATA = ("*.sqlite*", "temporal.db*", "owner.json")
KEYS = ("*.key", "*.keys")
"""Links of such names are judged by what they lead to."""

PUBLIC = ".crt"
"""Certificates: clients read them."""

OF_EVERY_FILE_SYSTEM = "lost+found"

UNCHANGEABLE = {errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOTSUP}


class TooOpen(Exception):
    """Others may read or change what is nobody's but its owner's. The text says which file, and what to do."""


@dataclass(frozen=True, slots=True)
class Tightened:
    """A mode that was changed."""

    path: Path
    before: int
    after: int

    def __str__(self) -> str:
        """One line."""
        return f"{self.path}: mode {self.before:04o} was changed to {self.after:04o}: others could use it"


def keep_new_files_private() -> int:
    """What this process and its children make from now on is its owner's alone; the umask of before."""
    return os.umask(UMASK)


def draft_beside(path: Path, content: bytes) -> Path:
    """A file with that content beside `path`, whole and on the disk, its owner's alone from its first moment.

    The caller gives it its name, by `replace` or `os.link`. Raises OSError, and leaves nothing then.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft


def tighten(directory: Path, others: Iterable[Path] = ()) -> Iterator[Tightened]:
    """Make a data directory, and what is Instar's in it, its owner's alone; each change as it was made.

    others: files of ours in it under names of their own. Does nothing where there is no such directory. Raises TooOpen.
    """
    try:
        found = directory.stat()
        names = sorted(path.name for path in directory.iterdir())
    except OSError:
        return  # whoever opens it next says why
    known = [directory / name for name in names if _is_like(name, OURS)]
    if found.st_mode & OF_OTHERS and not known and set(names) - {OF_EVERY_FILE_SYSTEM}:
        raise TooOpen(
            f"others may use {directory} (mode {stat.S_IMODE(found.st_mode):04o}), and it holds other things than "
            "Instar's: name a directory of its own (INSTAR_DATA_DIR, --data-dir), or, if only you are to use it, "
            "`chmod 700` it first"
        )
    # The directory itself may be given by a link; links in it are left as they lie.
    yield from _tightened(directory.resolve(), found)
    for path in (*known, *others):
        yield from tighten_tree(path)


def tighten_tree(top: Path) -> Iterator[Tightened]:
    """Make a file, or a folder with all that is in it, its owner's alone; each change as it was made. Raises TooOpen.

    A folder comes before what is in it: once it is closed, nobody else can exchange anything there.
    """
    try:
        found = top.lstat()
    except OSError:
        return
    if stat.S_ISLNK(found.st_mode):
        if _is_like(top.name, KEYS):
            check_key(top)
        elif _is_like(top.name, DATA):
            check_file(top)
        return
    yield from _tightened(top, found)
    if stat.S_ISDIR(found.st_mode) and top.name != CLOSED_BY_ITS_FOLDER:
        try:
            inside = sorted(top.iterdir())
        except OSError:
            return
        for path in inside:
            yield from tighten_tree(path)


def check_key(path: Path) -> None:
    """Raise TooOpen unless nobody but the owner may use a file with a key; root's may be readable by its group.

    Links are followed. One that is not there, or cannot be looked at, is left to whoever reads it.
    """
    try:
        found = path.stat()
    except OSError:
        return
    mode = stat.S_IMODE(found.st_mode)
    if mode & (OF_OTHERS_TO_A_KEY_OF_ROOT if found.st_uid == 0 else OF_OTHERS):
        raise TooOpen(
            f"others may use {path} (mode {mode:04o}, owner {_user(found.st_uid)}): `chmod 600 {path}`; in an "
            "orchestrator mount the secret with mode 0400, or as root's with mode 0440 and a group of the process"
        )


def check_file(path: Path) -> None:
    """Raise TooOpen if others may use a file with data that lies outside the data directory. Links are followed."""
    try:
        found = path.stat()
    except OSError:
        return
    if found.st_mode & OF_OTHERS:
        raise TooOpen(
            f"others may use {path} (mode {stat.S_IMODE(found.st_mode):04o}, owner {_user(found.st_uid)}), and it is "
            f"not in the data directory: `chmod 600 {path}`"
        )


def _tightened(path: Path, found: os.stat_result) -> Iterator[Tightened]:
    """The change of one file or folder, if it needs one."""
    before = stat.S_IMODE(found.st_mode)
    # What is neither a file nor a folder holds nothing: the sockets and pipes of other programs.
    is_file, is_folder = stat.S_ISREG(found.st_mode), stat.S_ISDIR(found.st_mode)
    after = before & ~(0o022 if is_file and path.suffix == PUBLIC else OF_OTHERS)
    if after == before or not (is_file or is_folder):
        return
    if found.st_uid != os.geteuid():
        if is_file and _is_like(path.name, KEYS):
            check_key(path)
            return
        raise TooOpen(
            f"{path} belongs to {_user(found.st_uid)}, and others may use it (mode {before:04o}): run this as that "
            f"user, `chown` it to {_user(os.geteuid())}, or name another data directory (INSTAR_DATA_DIR, --data-dir), "
            "like a folder in it"
        )
    try:
        os.chmod(path, after)  # noqa: PTH101  # no link: it was looked at, and its folder is closed by now
        left = stat.S_IMODE(path.lstat().st_mode)
    except OSError as error:
        if error.errno not in UNCHANGEABLE:
            return  # it went meanwhile
        left = before
    if left & ~after:
        raise TooOpen(
            f"others may use {path} (mode {left:04o}), and that cannot be changed here: its file system is read-only, "
            "or keeps no modes; name a data directory elsewhere (INSTAR_DATA_DIR, --data-dir)"
        )
    yield Tightened(path, before, after)


def in_lines(changed: Iterable[Tightened], each_up_to: int = 20) -> list[str]:
    """What was changed, to be read: many files of one folder that changed alike are one line."""
    alike: dict[tuple[Path, int, int], list[Tightened]] = {}
    for one in changed:
        alike.setdefault((one.path.parent, one.before, one.after), []).append(one)
    lines: list[str] = []
    for (folder, before, after), group in alike.items():
        if len(group) <= each_up_to:
            lines += map(str, group)
        else:
            lines.append(
                f"{folder}: {len(group)} files ({group[0].path.name} and others) had mode {before:04o}, which was "
                f"changed to {after:04o}: others could use them"
            )
    return lines


def _is_like(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _user(uid: int) -> str:
    with suppress(KeyError):
        return getpwuid(uid).pw_name
    return f"user {uid}"
