"""Ubuntu's index of cloud images (simplestreams 1.0), as far as disks of servers are concerned. Pure reading."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from instar.domain.images.images import ImageReference, version_key

INDEX, SIGNED_INDEX = "streams/v1/index.json", "streams/v1/index.sjson"
SIGNED_SUFFIX = ".sjson"
PATH_CHARACTERS = 1024
DOCUMENTS = 32
"""How many documents an index may name at most. Ubuntu's names one with disks."""

DATATYPE = "image-downloads"
DISKS = ("disk1.img", "disk-kvm.img")
"""Kinds of files that are bootable qcow2 disks, the best first."""

PUBLISHER, OFFER = "Canonical", "UbuntuServer"

_SERIAL = re.compile(r"\d{8}(\.\d+)*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Unreadable(Exception):
    """The document is no index that we can read; the text says where."""


@dataclass(frozen=True, slots=True)
class Release:
    """One disk that can be downloaded. `path` is relative to the root of the mirror; `size` is in bytes."""

    image: ImageReference
    path: str
    sha256: str
    size: int


def product_files(index: Any) -> list[str]:
    """The paths of the documents with downloadable images. Raises Unreadable, also where one leads out of the mirror.

    >>> product_files({"index": {"a": {"datatype": "image-downloads", "path": "streams/v1/a.json"},
    ...                          "b": {"datatype": "image-ids", "path": "streams/v1/b.json"}}})
    ['streams/v1/a.json']
    """
    entries = _mapping(_mapping(index, "the index").get("index"), "its 'index'")
    paths = [
        entry.get("path")
        for entry in entries.values()
        if isinstance(entry, dict) and entry.get("datatype") == DATATYPE and entry.get("path")
    ]
    if len(paths) > DOCUMENTS:
        raise Unreadable(f"it names {len(paths)} documents with images, and {DOCUMENTS} is the most")
    for path in paths:
        if not stays_below(path):
            raise Unreadable(f"it names a document outside of the mirror: {str(path)[:200]!r}")
    return [str(path) for path in paths]


def signed_path(path: str) -> str:
    """Where the clear-signed form of a document is.

    >>> signed_path("streams/v1/com.ubuntu.cloud:released:download.json")
    'streams/v1/com.ubuntu.cloud:released:download.sjson'
    """
    return path if path.endswith(SIGNED_SUFFIX) else path.removesuffix(".json") + SIGNED_SUFFIX


def stays_below(path: Any) -> bool:
    r"""Whether a name in an index leads to nothing above where it is relative to.

    >>> [stays_below(path) for path in ("server/x.img", "../x.img", "a/%2e%2e/x.img", "a\\..\\x.img", "")]
    [True, False, False, False, False]
    """
    if not isinstance(path, str) or not path or len(path) > PATH_CHARACTERS:
        return False
    plain = unquote(path)
    return plain.isprintable() and "\\" not in plain and ".." not in plain.split("/")


def newest_releases(products: Any, versions: frozenset[str], architecture: str) -> list[Release]:
    """The newest disk of each wanted Ubuntu version (`22.04`; none named: all of them), in their order."""
    found: dict[str, Release] = {}
    for product in _mapping(_mapping(products, "the products").get("products"), "its 'products'").values():
        if not isinstance(product, dict) or product.get("arch") != architecture or product.get("os") != "ubuntu":
            continue
        ubuntu = str(product.get("version", ""))
        if versions and ubuntu not in versions:
            continue
        for release in _releases(product, ubuntu):
            best = found.get(ubuntu)
            if best is None or version_key(best.image.version) < version_key(release.image.version):
                found[ubuntu] = release
    return [found[ubuntu] for ubuntu in sorted(found)]


def _releases(product: Mapping[str, Any], ubuntu: str) -> Iterator[Release]:
    if not re.fullmatch(r"\d+\.\d+", ubuntu, re.ASCII):
        return
    lts = "LTS" in str(product.get("release_title", "")) or product.get("supported_until") == "lts"
    line = ImageReference(publisher=PUBLISHER, offer=OFFER, sku=f"{ubuntu}-LTS" if lts else ubuntu)
    for serial, body in _mapping(product.get("versions"), f"the versions of {ubuntu}").items():
        if not _SERIAL.fullmatch(serial) or not isinstance(body, dict):
            continue
        if body.get("label", "release") != "release":
            continue
        items = [item for item in _mapping(body.get("items"), f"the items of {serial}").values() if _is_disk(item)]
        if items:
            best = min(items, key=lambda item: DISKS.index(item["ftype"]))
            yield Release(line.at(f"{ubuntu}.{serial}"), str(best["path"]), best["sha256"], int(best["size"]))


def _is_disk(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and item.get("ftype") in DISKS
        and stays_below(item.get("path"))
        and bool(_SHA256.fullmatch(str(item.get("sha256", ""))))
        and type(item.get("size")) is int
        and item["size"] > 0
    )


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"{what} must be an object")
    return value
