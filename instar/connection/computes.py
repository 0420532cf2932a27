"""The compute that the settings name, opened: the one place that knows every backend."""

from importlib.util import find_spec
from typing import Protocol

from pydantic import ValidationError

from instar.compute.libvirt.settings import LibvirtSettings
from instar.compute.provider import Provider
from instar.compute.simulated.fleet import SimulatedFleet
from instar.connection.remarks.problems import first_problem
from instar.connection.settings import Compute, Settings

NO_LIBVIRT = (
    "INSTAR_COMPUTE=libvirt needs libvirt's Python binding, which is not installed: deploy/libvirt-packages.sh build, "
    "then pip install 'instar[libvirt]' (or `make libvirt`)"
)


class Closable(Provider, Protocol):
    """A provider that its process closes."""

    def close(self) -> None:
        """Let go of files and connections; machines go on."""
        ...


class CannotCompute(Exception):
    """The compute of the settings cannot be had; the text says what to do."""


def open_compute(settings: Settings) -> Closable:
    """The backend. Raises CannotCompute. Nothing is connected yet: a hypervisor may come later."""
    match settings.compute:
        case Compute.SIMULATED:
            return SimulatedFleet(settings.fleet)
        case Compute.LIBVIRT:
            if find_spec("libvirt") is None:
                raise CannotCompute(NO_LIBVIRT)
            from instar.compute.libvirt.fleet import LibvirtFleet  # noqa: PLC0415  # an extra

            return LibvirtFleet(libvirt_settings(settings), settings.gates, networks=settings.probes.networks)


def libvirt_settings(settings: Settings) -> LibvirtSettings:
    """The hypervisor that the settings name. Raises CannotCompute with the setting that is wrong."""
    try:
        return LibvirtSettings.model_validate(settings.libvirt)
    except ValidationError as error:
        raise CannotCompute(first_problem(error, "libvirt")) from None
