"""Which health cannot be seen here."""

from instar.compute.errors import NotAllowed
from instar.compute.libvirt.settings import LibvirtSettings
from instar.domain.health.sources import HealthSource, Protocol, SourceKind


def refuse_blind(settings: LibvirtSettings, source: HealthSource) -> None:
    """Raise NotAllowed for tcp over forwarded ports: QEMU accepts every connection, also for a guest that is down."""
    if settings.forwards_ports and source.kind is not SourceKind.DEFAULT and source.protocol is Protocol.TCP:
        raise NotAllowed(
            "tcp health cannot be used with INSTAR_LIBVIRT__NETWORK=user: a forwarded port accepts every connection, "
            "whether or not the guest answers; use http or https, or another network"
        )
