"""The locked requirements, as their files name them."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from tests.support.house import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; [^\\]+)? \\$")
"""Perhaps with where it can be installed."""
CLIENTS = "clients/"
HASH = re.compile(r"^    --hash=sha256:([0-9a-f]{64})(?: \\)?$")


@dataclass(frozen=True)
class Locked:
    """A package of a lock."""

    version: str
    hashes: frozenset[str]


def path_of(lock: str) -> Path:
    """`run`, `build`, `libvirt`, `clients/NAME` of a client of Azure's; that of developers has no name."""
    if lock.startswith(CLIENTS):
        return ROOT / "tests" / "clients" / "locks" / f"{lock.removeprefix(CLIENTS)}.txt"
    return ROOT / (f"requirements-{lock}.txt" if lock else "requirements.txt")


def read(lock: str) -> dict[str, Locked]:
    """Name -> version and hashes. ValueError for a line that is neither a package, a hash of it nor a comment."""
    found: dict[str, tuple[str, set[str]]] = {}
    hashes: set[str] = set()
    for line in path_of(lock).read_text(encoding="utf-8").splitlines():
        if pin := PIN.match(line):
            hashes = set()
            found[canonicalize_name(pin[1])] = (pin[2], hashes)
        elif given := HASH.match(line):
            hashes.add(given[1])
        elif line.strip() and not line.strip().startswith("#"):
            raise ValueError(f"{path_of(lock).name} has a line that is no locked package: {line}")
    return {name: Locked(version, frozenset(known)) for name, (version, known) in found.items()}
