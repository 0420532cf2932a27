"""`instar images`: disks into the pool of a hypervisor, and into the catalogue."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from instar.client.api_client import ApiClient
from instar.client.api_token import Login
from instar.client.origins import Refused
from instar.client.sets.first_set import versions_path
from instar.client.sets.simulated import is_simulated, script
from instar.compute.errors import ComputeError
from instar.connection.computes import NO_LIBVIRT, CannotCompute, libvirt_settings
from instar.connection.settings import Settings
from instar.domain.images.images import ImageReference
from instar.domain.legible import legible_line
from instar.errors import Nonsense, Trouble


@dataclass(frozen=True)
class Place:
    """Where versions go."""

    settings: Settings
    login: Login
    subscription: str
    location: str


def publish(place: Place, image: ImageReference, file: Path, console: Console, sha256: str = "") -> None:
    """Upload, verify, register; called again it goes on where it was. `sha256`: what the file must have, if given.

    Raises Refused if the file is no image that can be published under that version, Trouble.
    """
    if not file.is_file():
        raise Trouble(f"there is no file {file}")
    with hypervisor(place.settings) as (connection, pool), bars(console) as progress:
        notes = place.settings.data_dir / "uploads"
        largest = libvirt_settings(place.settings).image_bytes
        sha256 = _uploaded(connection, pool, image, file, notes, progress, largest, sha256)
    register(place, image, sha256, file.stat().st_size)
    console.print(legible_line(f"published {image} in {place.location} (sha256 {sha256[:12]}…)"), markup=False)


def publish_simulated(
    place: Place, image: ImageReference, console: Console, *, sick: bool = False, sick_on: Collection[str] = ()
) -> None:
    """Say how simulated machines behave on a version, and offer it. Raises Trouble where machines are real ones."""
    if wrong := [given for given in sick_on if not (given.isascii() and given.isdigit())]:
        raise Nonsense(f"'{wrong[0]}' is no id of a machine: it is a number, as in --sick-on 9")
    with ApiClient(place.login) as api:
        if not is_simulated(api):
            raise Trouble("the machines here are no simulated ones: name the disk of this version with --file FILE")
        script(api, image, sick=sick, sick_on=sick_on)
        api.send("PUT", _path(place, image), {"location": place.location})
    who = "no machine gets" if sick else f"machine {', '.join(sick_on)} does not get" if sick_on else "machines get"
    console.print(
        legible_line(f"published {image} in {place.location}: {who} healthy on it"), markup=False, soft_wrap=True
    )


def _uploaded(  # noqa: PLR0917  # passed on
    connection: Any,
    pool: Any,
    image: ImageReference,
    file: Path,
    notes: Path,
    progress: Callable[..., None],
    largest: int,
    sha256: str,
) -> str:
    import libvirt  # noqa: PLC0415  # an extra

    from instar.compute.libvirt.storage import qcow2, uploads  # noqa: PLC0415

    try:
        wanted = uploads.Wanted(sha256, largest)
        return uploads.publish(connection, pool, image, file, notes, progress, wanted)
    except (qcow2.NotUsable, uploads.DifferentContent) as error:
        raise Refused(str(error)) from None
    except (uploads.Damaged, ComputeError) as error:
        raise Trouble(str(error)) from None
    except (libvirt.libvirtError, OSError) as error:
        raise Trouble(f"the upload was broken off: {error}; the same command goes on where it was") from None


def register(place: Place, image: ImageReference, sha256: str, size: int) -> None:
    """Put a version that is in the pool into the catalogue. Raises Trouble."""
    body = {"location": place.location, "properties": {"instar": {"sha256": sha256, "sizeInBytes": size}}}
    with ApiClient(place.login) as api:
        api.send("PUT", _path(place, image), body)


def _path(place: Place, image: ImageReference) -> str:
    return f"{versions_path(place.subscription, place.location, image)}/{quote(image.version)}"


@contextmanager
def hypervisor(settings: Settings) -> Iterator[tuple[Any, Any]]:
    """A connection and its pool. Raises Trouble where one cannot be had."""
    if find_spec("libvirt") is None:
        raise Trouble(NO_LIBVIRT)
    import libvirt  # noqa: PLC0415  # an extra

    from instar.compute.libvirt.storage.volumes import pool_of  # noqa: PLC0415

    libvirt.registerErrorHandler(lambda *_: None, None)
    try:
        known = libvirt_settings(settings)
    except CannotCompute as error:
        raise Trouble(str(error)) from None
    try:
        connection = libvirt.open(known.uri)
    except libvirt.libvirtError as error:
        raise Trouble(f"cannot connect to {known.uri}: {error}; INSTAR_LIBVIRT__URI names another") from None
    try:
        try:
            pool = pool_of(connection, known)
        except (libvirt.libvirtError, ComputeError) as error:
            raise Trouble(f"{error}; INSTAR_LIBVIRT__POOL names another pool") from None
        yield connection, pool
    finally:
        connection.close()


@contextmanager
def bars(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each thing that is done; nothing where the output is no terminal."""
    columns = (TextColumn("{task.description:9}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, size: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=size)
            shown.update(tasks[what], completed=done)

        yield tell
