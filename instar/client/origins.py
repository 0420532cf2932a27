"""Which addresses a followed index may lead to: its own origin over https, and what the command line names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Self

import httpx

from instar.errors import Nonsense, Trouble

DEFAULT_PORTS = {"https": 443, "http": 80}
LAST_PORT = 65_535

_NO_HOST = re.compile(r"[\s/\\@?#%*]")


class Refused(Trouble):
    """What a mirror says or sends is not taken; nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Origins:
    """Where an index is, and which hosts it may lead to besides."""

    root: httpx.URL
    """Ends with a slash."""

    hosts: frozenset[str] = frozenset()
    """Other hosts over https, on any port."""

    plain: frozenset[str] = frozenset()
    """Hosts over https and over http, on any port."""

    @classmethod
    def of(cls, url: str, hosts: Iterable[str] = (), plain: Iterable[str] = ()) -> Self:
        """The origins of the mirror at a URL. Raises Nonsense if that or a host can mean nothing, Refused for http."""
        try:
            root = httpx.URL(url if url.endswith("/") else f"{url}/")
        except httpx.InvalidURL as error:
            raise Nonsense(f"'{url}' is no URL of a mirror: {error}") from None
        if not _is_http(root) or root.query or root.fragment:
            raise Nonsense(f"'{url}' is no URL of a mirror, like https://cloud-images.ubuntu.com/releases")
        origins = cls(root, frozenset(map(_host, hosts)), frozenset(map(_host, plain)))
        origins.allowed(root)
        return origins

    def joined(self, path: str) -> httpx.URL:
        """Where something is that the index names. Raises Refused unless that is allowed."""
        try:
            return self.allowed(self.root.join(path))
        except httpx.InvalidURL as error:
            raise Refused(f"{self.root} names '{path[:200]}', which is no URL: {error}") from None

    def allowed(self, url: httpx.URL) -> httpx.URL:
        """The URL itself. Raises Refused if nothing may be fetched from there."""
        if url.userinfo:
            raise Refused(f"a URL of {url.host} has a user name or a password in it: that is not sent")
        if not _is_http(url):
            raise Refused(f"{url} is not at an http server: it is not fetched")
        if url.scheme == "http" and url.host not in self.plain:
            raise Refused(
                f"{url} is without TLS, so that anyone on the way may change it: use https "
                f"(--allow-http {url.host} takes it all the same)"
            )
        if _origin(url) != _origin(self.root) and url.host not in self.hosts | self.plain:
            raise Refused(
                f"{self.root} leads to {url}, which is another server: it is not fetched "
                f"(--allow-host {url.host} allows it)"
            )
        return url


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or DEFAULT_PORTS[url.scheme]


def _is_http(url: httpx.URL) -> bool:
    return url.scheme in DEFAULT_PORTS and bool(url.host) and (url.port is None or 0 < url.port <= LAST_PORT)


def _host(given: str) -> str:
    address = given.strip("[]")
    try:
        if ":" in address:
            return IPv6Address(address).compressed
        name = httpx.URL(f"https://{address}").host
    except (httpx.InvalidURL, ValueError):
        name = ""
    if not name or _NO_HOST.search(given):
        raise Nonsense(f"'{given}' is no host: give a name like mirror.example.com, without scheme, port and path")
    return name
