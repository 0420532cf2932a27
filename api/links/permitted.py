"""What templates may link to (docs/security.md): hosts of the setting, over https, at addresses public or named."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from instar.compute.probing.reach import Address, Network, parsed, what_never
from instar.connection.setting_groups import TemplateLinksSettings
from instar.outbound.errors import NotAllowed

HOSTS = "INSTAR_TEMPLATE_LINKS__HOSTS"
NETWORKS = "INSTAR_TEMPLATE_LINKS__NETWORKS"
ADDRESS_AT_MOST = 8192
"""Characters of one address, its query string with it."""


class Reach(Protocol):
    """Which addresses and ports may be connected to."""

    def why_not(self, host: str, port: int) -> str:
        """Why not, as a clause; "" if they may."""
        ...


@dataclass(frozen=True, slots=True)
class Public:
    """Public addresses, and those of some networks."""

    networks: tuple[Network, ...] = ()

    def why_not(self, host: str, port: int) -> str:  # noqa: ARG002  # the protocol's
        """Why nothing is fetched from an address, as a clause; "" if it may be.

        >>> Public().why_not("93.184.216.34", 443)
        ''
        >>> Public().why_not("127.0.0.1", 443)
        '127.0.0.1 is a loopback address, and nothing is fetched from those'
        """
        address = parsed(host)
        if what := what_never(address):
            return f"{what}, and nothing is fetched from those"
        if address.is_global or any(address in network for network in self.networks):
            return ""
        return f"{address} is no public address: {NETWORKS} names networks that may be asked all the same"


class Permitted:
    """What the operator allows to be fetched."""

    def __init__(self, settings: TemplateLinksSettings, reach: Reach | None = None) -> None:
        self._hosts = settings.hosts
        self._reach = reach or Public(settings.networks)

    def checked(self, text: str) -> httpx.URL:
        """The URL of an address. Raises NotAllowed for one that the operator does not allow, whatever is there."""
        try:
            parts = urlsplit(text)
            host, _ = (parts.hostname or ""), parts.port
        except ValueError:
            raise NotAllowed("it is no address") from None
        if parts.scheme != "https" or not host or len(text) > ADDRESS_AT_MOST or not text.isprintable():
            raise NotAllowed("it must be an https address")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise NotAllowed("it must have no user, password or fragment")
        if not self._hosts:
            raise NotAllowed(
                f"nothing is fetched from elsewhere: the operator can allow hosts with the setting {HOSTS}"
            )
        if not any(origin.allows(text) for origin in self._hosts):
            shown = f"'{host[:120]}'" if any(one.host == host for one in self._hosts) else ""
            where = f"that path or port of {shown}" if shown else f"the host '{host[:120]}'"
            raise NotAllowed(f"{where} is not among those that the operator allows with the setting {HOSTS}")
        try:
            return httpx.URL(text)
        except httpx.InvalidURL:
            raise NotAllowed("it is no address") from None

    def check_address(self, address: Address, port: int) -> None:
        """Raises NotAllowed for an address that is neither public nor in a network of the setting."""
        if why := self._reach.why_not(str(address), port):
            raise NotAllowed(f"its host is not where it may be: {why}")
