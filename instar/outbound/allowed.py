"""Which URLs and addresses may be called: checked when one is stored and at each call, after resolution (G4).

https to any address but those that are special (loopback, link-local, metadata services, multicast…): our own services
and the cloud's listen there, and whoever may store a URL must not reach them through us. `INSTAR_HOOKS__ALLOW` makes
exceptions: a host named there may be called without TLS, and a special address that it names, alone or in a network,
may be called. A name there opens no special address: what a name resolves to is its owner's to change.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self

import httpx

from instar.compute.probing.reach import NEVER, Address, Network, meant_by, networks_of, parsed, special
from instar.outbound.errors import NotAllowed

SETTING = "INSTAR_HOOKS__ALLOW"

URL_AT_MOST = 2048
"""Characters."""

LAST_PORT = 65_535

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.ASCII)
_NUMBER_AT_THE_END = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)\.?", re.ASCII)
"""Names that resolvers read as addresses: 127.1, 2130706433, 0x7f.1."""

_AUTHORITY = re.compile(r"[/?#]")
"""What ends the part of a URL that names the server."""

_LOCAL = re.compile(r"(.*\.)?localhost\.?")
"""Loopback by definition (RFC 6761)."""


class Permission(Protocol):
    """Says which URLs may be called, and to which addresses a connection may be made."""

    def checked(self, text: str) -> httpx.URL:
        """The URL of a text, before resolution. Raises NotAllowed."""
        ...

    def check_address(self, address: Address, port: int) -> None:
        """Raises NotAllowed for an address, or a port of it, that is not to be connected to."""
        ...


@dataclass(frozen=True, slots=True)
class Allowed:
    """The exceptions that the operator has named."""

    hosts: frozenset[str] = frozenset()
    """Names and addresses that may be called without TLS, in lower case."""

    networks: tuple[Network, ...] = ()
    """Special addresses that may be called; one that stands alone is a network of one."""

    @classmethod
    def of(cls, given: Iterable[object]) -> Self:
        """The exceptions of a setting: host names, addresses, networks in CIDR notation.

        Raises ValueError with a sentence that repeats nothing of what was given.

        >>> sorted(Allowed.of(["Prometheus.lan", "127.0.0.1"]).hosts)
        ['127.0.0.1', 'prometheus.lan']
        """
        hosts, networks = set[str](), list[Network]()
        for number, one in enumerate(given, start=1):
            text = str(one).strip().strip("[]").lower()
            if ":" in text or "/" in text or _NUMBER_AT_THE_END.fullmatch(text):
                try:
                    [network] = networks_of([text])
                except ValueError:
                    raise ValueError(f"entry {number} {_NO_ENTRY}") from None
                networks.append(network)
                if network.num_addresses == 1:
                    hosts.add(str(network.network_address))
            elif _NAME.fullmatch(text):
                hosts.add(text.rstrip("."))
            else:
                raise ValueError(f"entry {number} {_NO_ENTRY}")
        return cls(frozenset(hosts), tuple(networks))

    def checked(self, text: str) -> httpx.URL:
        """The URL of a text, before resolution. Raises NotAllowed with a clause that says what to do."""
        url = _parsed(text)
        host = url.raw_host.decode("ascii").lower().rstrip(".")
        try:
            address = parsed(host)
        except ValueError:
            self._check_name(host)
        else:
            self.check_address(address, url.port or 0)
            host = str(address)
        if url.scheme != "https" and host not in self.hosts:
            raise NotAllowed(f"{host} is called over https alone, unless {SETTING} names it")
        return url

    def check_address(self, address: Address, port: int) -> None:  # noqa: ARG002  # the protocol's
        """Raises NotAllowed for a special address that is not named, at any port."""
        what = special(address)
        if not what:
            return
        itself = any(address in network for network, _ in NEVER)
        # One that is special by what a translator makes of it is named with that.
        if all(any(one in network for network in self.networks) for one in meant_by(address)[: 1 if itself else None]):
            return
        raise NotAllowed(f"{address} {what}, and those are called only where {SETTING} names them")

    def _check_name(self, host: str) -> None:
        if not _NAME.fullmatch(host):
            raise NotAllowed("the URL's host is no host name and no address")
        if _NUMBER_AT_THE_END.fullmatch(host):
            raise NotAllowed(f"{host} is no address in the usual form, as in 192.0.2.7")
        if _LOCAL.fullmatch(host) and host not in self.hosts:
            raise NotAllowed(f"{host} is this machine, and that is called only where {SETTING} names it")


def origin_of(url: httpx.URL) -> str:
    """What of a URL may be shown to anybody: what stands behind the host may be as good as a password.

    >>> origin_of(httpx.URL("https://hooks.example.com/services/T0/secret?key=1"))
    'https://hooks.example.com'
    """
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


_NO_ENTRY = "is no host name, no address and no network: one is like prometheus.lan, 127.0.0.1 or fd12:3456::/64"


def _parsed(text: str) -> httpx.URL:
    """Raises NotAllowed for what is no whole URL, and for what would send a password or mean two things."""
    if len(text) > URL_AT_MOST:
        raise NotAllowed(f"a URL has at most {URL_AT_MOST} characters")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise NotAllowed("a URL has no spaces, no backslashes, and nothing but ASCII: encode the rest with %")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise NotAllowed("it is no URL, as in https://hooks.example.com/instar") from None
    if url.scheme not in ("https", "http") or not url.host:
        raise NotAllowed("it is no URL of a web server, as in https://hooks.example.com/instar")
    if "@" in _AUTHORITY.split(text.partition("://")[2], maxsplit=1)[0]:
        raise NotAllowed("a URL has no user name and no password in it")
    if "#" in text:
        raise NotAllowed("a URL has no fragment (#…): it would not be sent")
    if url.port is not None and not 0 < url.port <= LAST_PORT:
        raise NotAllowed(f"a port is from 1 to {LAST_PORT}")
    return url
