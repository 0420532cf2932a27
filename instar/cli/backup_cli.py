"""The commands `instar backup` and `instar restore`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from instar.backup import backup as backing_up
from instar.backup import restore as restoring
from instar.backup.private_backups import keep_backups_private
from instar.cli.main import INTERRUPTED
from instar.client.credentials import keep_data_private, settings_of
from instar.client.showing.terminal import console
from instar.compute.clock import utc_now
from instar.domain.legible import legible_lines
from instar.errors import Nonsense, Trouble, ended

DataDir = Annotated[
    Path | None,
    typer.Option(help="The data directory; by default INSTAR_DATA_DIR, else .data.", show_default=False),
]


def backup(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of backups; each gets a folder in it.")],
    data_dir: DataDir = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave keys, owner's credentials and certificates out.")
    ] = False,
    without_database: Annotated[
        bool, typer.Option("--without-database", help="Leave the store out: it is backed up by other means.")
    ] = False,
    keep: Annotated[
        int | None,
        typer.Option(metavar="N", help="Afterwards remove all but the N newest backups in DIR.", show_default=False),
    ] = None,
) -> None:
    """Back up records, running workflows and keys, while everything runs, into DIR/2026-01-31T02-00-00Z.

    The settings in the environment (INSTAR_...) say where things are: give it those of the API. Machines are not in a
    backup. The status is 0 only if the backup is whole; otherwise nothing is left of it. See docs/backup.md.
    """
    with ended(), _interruptible():
        if keep is not None and keep < 1:
            raise Nonsense("--keep needs at least 1: the backup that is made")
        settings = settings_of(data_dir)
        keep_data_private(settings)
        wish = backing_up.Wish(folder, keys=not without_keys, database=not without_database, keep=keep)
        with _shown() as told:
            made, manifest = backing_up.backup(wish, settings, utc_now(), told)
        for entry in manifest.files:
            _say(f"{entry.name:<14} {entry.size / 1e6:10.1f} MB")
        for remark in backing_up.remarks(wish, settings, manifest):
            _say(f"note: {remark}")
        _say(f"backup {made}")


def restore(
    *,
    folder: Annotated[Path, typer.Argument(metavar="BACKUP", help="One backup: DIR/2026-01-31T02-00-00Z.")],
    data_dir: DataDir = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup back, while nothing runs. What is there is put aside, not deleted; machines are not touched.

    The backup is checked first: every byte, and that this Instar can read it. Killed at any moment, repeat it: nothing
    starts on a data directory that is restored by half. See docs/backup.md.
    """
    with ended(), _interruptible():
        settings = settings_of(data_dir)
        keep_data_private(settings)
        keep_backups_private([folder])
        manifest, pieces = restoring.checked(folder, settings)
        for line in restoring.plan(folder, manifest, pieces, settings):
            _say(line)
        if not yes:
            if not sys.stdin.isatty():
                raise Trouble("nothing was changed: give --yes to do this without being asked")
            if not typer.confirm("Put this back?"):
                raise Trouble("nothing was changed")
        restoring.restore(folder, settings, utc_now(), _say)
        for line in restoring.what_follows(folder, manifest, settings):
            _say(f"note: {line}")


def _say(line: str) -> None:
    """Names in a backup were written by whoever made it."""
    typer.echo(legible_lines(line))


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _shown() -> Iterator[backing_up.Told]:
    """A bar per file on a terminal, nothing elsewhere."""
    shown = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def told(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            # SQLite counts pages, of 4 KB unless somebody chose otherwise.
            bars.update(tasks[name], completed=done * 4096, total=total * 4096)

        yield told
