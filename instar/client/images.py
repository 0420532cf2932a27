"""`instar images`: disks into the pool of a hypervisor, and into the catalogue."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from instar.client import simplestreams
from instar.client.api_client import ApiClient
from instar.client.api_token import Login
from instar.client.simplestreams import Release, Unreadable
from instar.compute.errors import ComputeError
from instar.connection.computes import NO_LIBVIRT, CannotCompute, libvirt_settings
from instar.connection.settings import Settings
from instar.domain.images.images import ImageReference
from instar.domain.legible import legible_line
from instar.errors import Trouble

DOWNLOAD_SECONDS = 60.0
"""Without a byte for that long a download is broken off; the next look goes on where it was."""

CHUNK = 1 << 20


@dataclass(frozen=True)
class Place:
    """Where versions go."""

    settings: Settings
    login: Login
    subscription: str
    location: str


def publish(place: Place, image: ImageReference, file: Path, console: Console) -> None:
    """Upload, verify, register. Raises Trouble; called again it goes on where it was."""
    if not file.is_file():
        raise Trouble(f"there is no file {file}")
    with hypervisor(place.settings) as (connection, pool), bars(console) as progress:
        sha256 = _uploaded(connection, pool, image, file, place.settings.data_dir / "uploads", progress)
    register(place, image, sha256, file.stat().st_size)
    console.print(legible_line(f"published {image} in {place.location} (sha256 {sha256[:12]}…)"), markup=False)


def _uploaded(  # noqa: PLR0917  # passed on
    connection: Any, pool: Any, image: ImageReference, file: Path, notes: Path, progress: Callable[..., None]
) -> str:
    import libvirt  # noqa: PLC0415  # an extra

    from instar.compute.libvirt.storage import qcow2, uploads  # noqa: PLC0415

    try:
        return uploads.publish(connection, pool, image, file, notes, progress)
    except (qcow2.NotUsable, uploads.DifferentContent, uploads.Damaged, ComputeError) as error:
        raise Trouble(str(error)) from None
    except (libvirt.libvirtError, OSError) as error:
        raise Trouble(f"the upload was broken off: {error}; the same command goes on where it was") from None


def register(place: Place, image: ImageReference, sha256: str, size: int) -> None:
    """Put a version that is in the pool into the catalogue. Raises Trouble."""
    path = (
        f"/subscriptions/{place.subscription}/providers/Microsoft.Compute/locations/{quote(place.location)}"
        f"/publishers/{quote(image.publisher)}/artifacttypes/vmimage/offers/{quote(image.offer)}"
        f"/skus/{quote(image.sku)}/versions/{quote(image.version)}"
    )
    body = {"location": place.location, "properties": {"instar": {"sha256": sha256, "sizeInBytes": size}}}
    with ApiClient(place.login) as api:
        api.send("PUT", path, body)


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


def follow(  # noqa: PLR0917  # an index, where to, what of it, how often
    place: Place,
    url: str,
    versions: frozenset[str],
    architecture: str,
    every: float | None,
    console: Console,
) -> None:
    """Publish the newest disk of each wanted version that the index has; with `every`, look again after that long."""
    while True:
        try:
            take_newest(place, url, versions, architecture, console)
        except Trouble as trouble:
            if every is None:
                raise
            console.print(legible_line(f"{trouble}; looking again in {every:g} s"), markup=False)
        if every is None:
            return
        time.sleep(every)


def take_newest(place: Place, url: str, versions: frozenset[str], architecture: str, console: Console) -> list[Release]:
    """One look at the index; what was new. Raises Trouble."""
    root = url if url.endswith("/") else f"{url}/"
    taken = []
    with httpx.Client(timeout=DOWNLOAD_SECONDS, follow_redirects=True) as http:
        try:
            documents = [_json(http, urljoin(root, path)) for path in _product_files(http, root)]
            releases = [
                release
                for document in documents
                for release in simplestreams.newest_releases(document, versions, architecture)
            ]
        except Unreadable as error:
            raise Trouble(f"{url} is no simplestreams index that can be read: {error}") from None
        if not releases:
            raise Trouble(f"the index at {url} has no {architecture} disk of {', '.join(sorted(versions)) or 'Ubuntu'}")
        for release in releases:
            if _is_complete(place, release):
                register(place, release.image, release.sha256, release.size)
                continue
            file = place.settings.data_dir / "downloads" / f"{release.sha256}.img"
            with bars(console) as progress:
                download(http, urljoin(root, release.path), file, release, progress)
            publish(place, release.image, file, console)
            file.unlink()
            taken.append(release)
    return taken


def _is_complete(place: Place, release: Release) -> bool:
    with hypervisor(place.settings) as (_, pool):
        from instar.compute.libvirt.storage import images  # noqa: PLC0415  # an extra

        return images.checksum(pool, images.image_volume(release.image)) is not None


def _product_files(http: httpx.Client, root: str) -> list[str]:
    return simplestreams.product_files(_json(http, urljoin(root, simplestreams.INDEX)))


def _json(http: httpx.Client, url: str) -> Any:
    try:
        answer = http.get(url)
        answer.raise_for_status()
        return answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Trouble(f"cannot read {url}: {error}") from None


def download(http: httpx.Client, url: str, file: Path, release: Release, progress: Callable[..., None]) -> None:
    """Fetch a disk, going on where an earlier attempt was broken off. Raises Trouble; a wrong file is not kept."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_suffix(".part")
    done = part.stat().st_size if part.exists() else 0
    try:
        with http.stream("GET", url, headers={"Range": f"bytes={done}-"} if done else {}) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()
                raise Trouble(f"{url} is shorter than what was fetched of it before; try again")
            answer.raise_for_status()
            goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT
            done = done if goes_on else 0
            with part.open("ab" if goes_on else "wb") as out:
                for chunk in answer.iter_bytes(CHUNK):
                    out.write(chunk)
                    done += len(chunk)
                    progress("download", done, release.size)
    except (httpx.HTTPError, OSError) as error:
        raise Trouble(f"the download of {url} was broken off: {error}") from None
    with part.open("rb") as fetched:
        digest = hashlib.file_digest(fetched, "sha256").hexdigest()
    if digest != release.sha256:
        part.unlink()
        raise Trouble(f"{url} is not what the index says: its checksum is {digest[:12]}…, not {release.sha256[:12]}…")
    part.rename(file)
