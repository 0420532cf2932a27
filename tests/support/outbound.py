"""An outbound client for tests: names that resolve to what a test says, loopback allowed, an authority of its own."""

import ssl
from collections.abc import Mapping
from pathlib import Path

from instar.compute.probing.reach import Address, parsed
from instar.outbound.allowed import Allowed
from instar.outbound.client import OutboundClient
from instar.outbound.errors import Unanswered
from instar.stack.certificates import local_certificates

LOOPBACK = Allowed.of(["127.0.0.1", "receiver.test"])


class Names:
    """A resolver that knows these names and counts what it is asked."""

    def __init__(self, names: Mapping[str, tuple[str, ...]]) -> None:
        self.names = dict(names)
        self.asked = 0

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        del port
        self.asked += 1
        if host not in self.names:
            raise Unanswered(f"the name {host} could not be resolved")
        return tuple(parsed(one) for one in self.names[host])


def client_of(
    names: Mapping[str, tuple[str, ...]] | None = None, *, allowed: Allowed = LOOPBACK, ca_file: Path | None = None
) -> OutboundClient:
    """`names`: by default receiver.test is this machine."""
    return OutboundClient(allowed, ca_file=ca_file, resolver=Names(names or {"receiver.test": ("127.0.0.1",)}))


def trusted(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for that name, and the file of the authority that signed it."""
    files = local_certificates(folder, [name])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context, files.authority
