"""`instar images follow`: what a publisher's index offers becomes available by itself."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from instar.client import downloads, simplestreams
from instar.client.images import Place, bars, hypervisor, publish, register
from instar.client.origins import Origins, Refused
from instar.client.signatures import Publisher, signed_text
from instar.client.simplestreams import Release, Unreadable
from instar.domain.legible import legible_line
from instar.errors import Trouble

UNSIGNED = (
    "WARNING: the signature of {} is not checked (--unsigned): whoever can change what it serves chooses what your "
    "machines run"
)


@dataclass(frozen=True, slots=True)
class Source:
    """An index, and what of it is wanted."""

    origins: Origins
    publisher: Publisher | None
    """Whose signature it must have; None: nobody's."""

    versions: frozenset[str]
    architecture: str


def follow(place: Place, source: Source, every: float | None, console: Console) -> None:
    """Publish the newest disk of each wanted version that the index has; with `every`, look again after that long."""
    if source.publisher is None:
        console.print(legible_line(UNSIGNED.format(source.origins.root)), markup=False, style="bold red")
    while True:
        try:
            take_newest(place, source, console)
        except Trouble as trouble:
            if every is None:
                raise
            console.print(legible_line(f"{trouble}; looking again in {every:g} s"), markup=False)
        if every is None:
            return
        time.sleep(every)


def take_newest(place: Place, source: Source, console: Console) -> list[Release]:
    """One look at the index; what was new. Raises Trouble."""
    taken = []
    for release in _offered(source):
        if _is_complete(place, release):
            register(place, release.image, release.sha256, release.size)
            continue
        file = place.settings.data_dir / "downloads" / f"{release.sha256}.img"
        try:
            _take(place, source, release, file, console)
        except OSError as error:
            raise Trouble(f"{file} cannot be written: {error.strerror or error}") from None
        taken.append(release)
    return taken


def _take(place: Place, source: Source, release: Release, file: Path, console: Console) -> None:
    with bars(console) as progress:
        downloads.disk(source.origins, source.origins.joined(release.path), file, release, progress)
    try:
        publish(place, release.image, file, console, release.sha256)
    except Refused:
        file.unlink()
        raise
    file.unlink()


def _offered(source: Source) -> list[Release]:
    root = source.origins.root
    try:
        index = simplestreams.SIGNED_INDEX if source.publisher else simplestreams.INDEX
        paths = simplestreams.product_files(_document(source, index))
        documents = [_document(source, simplestreams.signed_path(path) if source.publisher else path) for path in paths]
        releases = [
            release
            for document in documents
            for release in simplestreams.newest_releases(document, source.versions, source.architecture)
        ]
    except Unreadable as error:
        raise Refused(f"{root} is no simplestreams index that can be read: {error}") from None
    if not releases:
        wanted = ", ".join(sorted(source.versions)) or "Ubuntu"
        raise Trouble(
            f"the index at {root} has no {source.architecture} disk of {wanted} "
            "(only those with a path, a size and a sha256 count)"
        )
    return releases


def _document(source: Source, path: str) -> Any:
    url = source.origins.joined(path)
    content = downloads.document(source.origins, url)
    if source.publisher:
        try:
            content = signed_text(content, source.publisher)
        except Refused as why:
            raise Refused(
                f"{url} is not taken: {why}; --key and --fingerprint name another publisher, --unsigned checks nothing"
            ) from None
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refused(f"cannot read {url}: it is no JSON ({error})") from None


def _is_complete(place: Place, release: Release) -> bool:
    with hypervisor(place.settings) as (_, pool):
        from instar.compute.libvirt.storage import images  # noqa: PLC0415  # an extra

        there = images.checksum(pool, images.image_volume(release.image))
    if there not in {None, release.sha256}:
        raise Refused(
            f"version {release.image} is in the pool with another content ({there[:12]}…) than the index says now "
            f"({release.sha256[:12]}…): a version never changes, so the pool keeps its own; a newer version is taken"
        )
    return there is not None
