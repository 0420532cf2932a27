"""The compute that the settings name, opened: the one place that knows every backend."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from instar.compute.libvirt.settings import LibvirtSettings
from instar.compute.provider import Provider
from instar.compute.simulated.fleet import SimulatedFleet
from instar.connection.hosts.shared_gates import SharedGates
from instar.connection.remarks.problems import first_problem
from instar.connection.settings import Compute, Settings
from instar.hosts.marks import take
from instar.store.database.engines import file_of

if TYPE_CHECKING:
    from instar.compute.libvirt.gates import Gates

NO_LIBVIRT = (
    "INSTAR_COMPUTE=libvirt needs libvirt's Python binding, which is not installed: deploy/libvirt-packages.sh build, "
    "then pip install 'instar[libvirt]' (or `make libvirt`)"
)


class Closable(Provider, Protocol):
    """A provider that its process closes."""

    def identify(self, known: Callable[[str], None]) -> str:
        """Which machines it has, in parts between slashes, as far as it is known: at least what runs them.

        `known` is told all of it once that is known, in any thread, and refuses what may not be by a ComputeError:
        then nothing is done there.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections; machines go on."""
        ...


class CannotCompute(Exception):
    """The compute of the settings cannot be had; the text says what to do."""


def open_compute(settings: Settings) -> Closable:
    """The backend. Nothing is connected yet: a hypervisor may come later.

    Raises CannotCompute, and UsedElsewhere while another host uses the simulated fleet's file.
    """
    match settings.compute:
        case Compute.SIMULATED:
            take(settings.fleet, settings.host)
            return SimulatedFleet(settings.fleet)
        case Compute.LIBVIRT:
            if find_spec("libvirt") is None:
                raise CannotCompute(NO_LIBVIRT)
            from instar.compute.libvirt.fleet import LibvirtFleet  # noqa: PLC0415  # an extra

            return LibvirtFleet(libvirt_settings(settings), gates_of(settings), networks=settings.probes.networks)


def gates_of(settings: Settings) -> "Gates":
    """How processes take turns at a machine: beside an SQLite file, which is one host's, by files; else by both.

    On PostgreSQL locks there are seen by every host. Raises Unusable for a URL that cannot be read.
    """
    from instar.compute.libvirt.gates import Gates  # noqa: PLC0415  # an extra

    file: Path | None = file_of(settings.store_url)
    if file is not None:
        return Gates(file.parent / settings.gates.name)
    return Gates(settings.gates, SharedGates(settings.store_url))


def libvirt_settings(settings: Settings) -> LibvirtSettings:
    """The hypervisor that the settings name. Raises CannotCompute with the setting that is wrong."""
    try:
        return LibvirtSettings.model_validate(settings.libvirt)
    except ValidationError as error:
        raise CannotCompute(first_problem(error, "libvirt")) from None
