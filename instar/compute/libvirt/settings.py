"""What has to be known of a hypervisor and the place for disks on it."""

import ipaddress
import json
import re
from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from instar.compute.libvirt.sizes import Size, size_named

NETWORK = r"user|network:.+|bridge:.+"


class VirtType(StrEnum):
    """How instructions of a guest are run: by the processor itself, or (slowly, everywhere) in software."""

    KVM = "kvm"
    QEMU = "qemu"
    TEST = "test"
    """The mock driver's, in tests."""


class LibvirtSettings(BaseModel):
    """One hypervisor. Every field is a setting `INSTAR_LIBVIRT__…`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str = "qemu:///system"
    """Which libvirt: `qemu:///session`, `qemu+ssh://user@host/system`, …"""

    pool: str = "default"
    """The storage pool of all disks, a directory pool; it must exist and be active."""

    network: str = "network:default"
    """`network:NAME` (libvirt's), `bridge:DEVICE` (the host's), or `user` (forwarded ports of this host's loopback)."""

    guest_port: Annotated[int, Field(ge=1, le=65535)] = 80
    """With network `user`: which port of a guest is forwarded where its model's health source names none."""

    first_port: Annotated[int, Field(ge=1024, le=65535)] = 20000
    last_port: Annotated[int, Field(ge=1024, le=65535)] = 29999
    """With network `user`: which ports of the loopback may be forwarded."""

    virt_type: VirtType = VirtType.KVM

    architecture: str = "x86_64"
    machine: str = "pc"
    """QEMU's machine type, as in `<type machine=…>`."""

    sizes: dict[str, Size] = Field(default_factory=dict)
    """More sizes for `sku.name`, as JSON: `{"Tiny": {"cpus": 1, "memory_mib": 96}}`."""

    default_size: str = ""
    """The size of a set whose sku is in no table; empty: refused."""

    guest_agent: bool = True
    """Whether new machines get a channel for QEMU's guest agent. Its socket's path can be too long for a session."""

    data_disk_mib: Annotated[int, Field(ge=1)] = 1024
    """Of a data disk whose model gives no `diskSizeGB`."""

    image_gib: Annotated[int, Field(ge=1, le=65_536)] = 4096
    """The largest virtual size of an image that is published: a small file can claim any."""

    reserve_mib: Annotated[int, Field(ge=0)] = 1024
    """What must be free in the pool before a disk is made: overlays grow, and a full pool stops every machine."""

    stop_seconds: Annotated[float, Field(ge=0)] = 10.0
    """How long a guest may take to shut down before its plug is pulled."""

    call_seconds: Annotated[float, Field(gt=0)] = 60.0
    """How long a call may take before the connection is given up and made anew."""

    starts_at_once: Annotated[int, Field(ge=1)] = 4
    """Machines being started at the same time by one process: booting is the dearest thing they do."""

    threads: Annotated[int, Field(ge=1, le=64)] = 8
    """For libvirt's blocking calls, in each process."""

    @field_validator("network")
    @classmethod
    def _a_network(cls, given: str) -> str:
        if not re.fullmatch(NETWORK, given):
            raise ValueError("must be network:NAME, bridge:DEVICE or user")
        return given

    @field_validator("sizes", mode="before")
    @classmethod
    def _from_json(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        try:
            return json.loads(given)
        except ValueError:
            raise ValueError("it must be JSON, as docs/libvirt.md shows it") from None

    @model_validator(mode="after")
    def _ports_are_a_range(self) -> Self:
        if self.first_port > self.last_port:
            raise ValueError("first_port must not be above last_port")
        return self

    @model_validator(mode="after")
    def _guests_can_be_reached(self) -> Self:
        if self.forwards_ports and self.is_remote:
            raise ValueError(
                "the network `user` is for one host: the guests' ports are on the loopback of the host that "
                "INSTAR_LIBVIRT__URI names, where no probe from here reaches them. Set INSTAR_LIBVIRT__NETWORK to one "
                "there that the API and the workers reach: network:NAME or bridge:DEVICE"
            )
        return self

    @property
    def is_remote(self) -> bool:
        """Whether the URI names another host than this one."""
        host = urlsplit(self.uri).hostname or ""
        try:
            return not ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host not in {"", "localhost"}

    @property
    def forwards_ports(self) -> bool:
        """Whether guests are reached through ports of this host's loopback."""
        return self.network == "user"

    @property
    def image_bytes(self) -> int:
        """The largest virtual size of an image."""
        return self.image_gib << 30

    @property
    def network_name(self) -> str:
        """The name after the colon."""
        return self.network.partition(":")[2]

    def size_of(self, sku: str) -> Size | None:
        """The size of that name, whatever its case; None of an unknown one where there is no default."""
        return size_named(sku, self.sizes) or size_named(self.default_size, self.sizes)
