"""Fetching what a template links to, so that nobody can make it ask anything else (docs/security.md).

Only hosts of the setting, https, and addresses that are public or named. The address is looked up once, and the
connection goes to what was checked. No redirect is followed, no proxy used, no cookie or credential sent; size and
time are bounded. A query string may be a shared access signature: it is never logged or shown.
"""

import asyncio
import ipaddress
import logging
import socket
import ssl
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from api.links.errors import LinkError
from instar.compute.probing.reach import Network, parsed, what_never
from instar.connection.links.origins import HTTPS
from instar.connection.setting_groups import TemplateLinksSettings

HOSTS = "INSTAR_TEMPLATE_LINKS__HOSTS"
NETWORKS = "INSTAR_TEMPLATE_LINKS__NETWORKS"
ADDRESS_AT_MOST = 8192
"""Characters of one address, its query string with it."""

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole addresses
_log = logging.getLogger(__name__)


STEP_SECONDS = 10.0
"""Of connecting, and between two pieces of an answer; the whole has a time of its own."""


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


class Fetcher:
    """Fetches what is allowed. Synchronous, since templates are read in threads of their own."""

    def __init__(self, settings: TemplateLinksSettings, reach: Reach | None = None) -> None:
        self._settings = settings
        self._reach = reach or Public(settings.networks)

    def __call__(self, address: str, at_most: int, seconds: float) -> bytes:
        """What is there, up to so many bytes. Raises LinkError."""
        self.check(address)
        try:
            return asyncio.run(self._within(address, at_most, seconds))
        except TimeoutError:
            raise LinkError(f"it did not come within {seconds:.0f} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise LinkError(f"it could not be fetched ({type(_root(error)).__name__})") from None

    def check(self, address: str) -> None:
        """Raises LinkError for an address that the operator does not allow, whatever is there."""
        try:
            parts = urlsplit(address)
            host, _ = (parts.hostname or ""), parts.port
        except ValueError:
            raise LinkError("it is no address") from None
        if parts.scheme != "https" or not host or len(address) > ADDRESS_AT_MOST or not address.isprintable():
            raise LinkError("it must be an https address")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise LinkError("it must have no user, password or fragment")
        if not self._settings.hosts:
            raise LinkError(f"nothing is fetched from elsewhere: the operator can allow hosts with the setting {HOSTS}")
        if not any(origin.allows(address) for origin in self._settings.hosts):
            shown = f"'{host[:120]}'" if any(one.host == host for one in self._settings.hosts) else ""
            where = f"that path or port of {shown}" if shown else f"the host '{host[:120]}'"
            raise LinkError(f"{where} is not among those that the operator allows with the setting {HOSTS}")

    async def _within(self, address: str, at_most: int, seconds: float) -> bytes:
        async with asyncio.timeout(seconds):
            parts = urlsplit(address)
            port = parts.port or HTTPS
            where = await self._checked(str(parts.hostname), port)
            body = await self._body(httpx.URL(address), where, at_most)
        _log.info("fetched %d bytes of a linked template from %s", len(body), parts.hostname)
        return body

    async def _checked(self, host: str, port: int) -> str:
        """An address of the host that may be asked. One that may not be is enough to ask none of them."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise LinkError(f"the host '{host[:120]}' has no address") from None
        addresses = [str(entry[4][0]) for entry in found]
        for one in addresses:
            if why := self._reach.why_not(one, port):
                raise LinkError(f"the host '{host[:120]}' is not where it may be: {why}")
        return min(addresses, key=lambda one: ipaddress.ip_address(one).version)  # IPv4 first: it is everywhere

    async def _body(self, url: httpx.URL, where: str, at_most: int) -> bytes:
        host = url.netloc.decode("ascii")
        there = url.copy_with(host=where)
        headers = {"Host": host, "Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "instar"}
        verify = ssl.create_default_context(cafile=self._settings.ca_file and str(self._settings.ca_file))
        async with httpx.AsyncClient(verify=verify, trust_env=False, timeout=STEP_SECONDS) as http:
            asked = http.build_request("GET", there, headers=headers, extensions={"sni_hostname": url.host})
            answer = await http.send(asked, stream=True, follow_redirects=False)
            try:
                if answer.is_redirect:
                    raise LinkError("its host sends elsewhere, and no redirect is followed: link to where it is")
                if answer.status_code != httpx.codes.OK:
                    raise LinkError(f"its host answers with the status {answer.status_code}")
                if answer.headers.get("content-encoding", "identity").lower() != "identity":
                    raise LinkError("its host sends it compressed, which was not asked for")
                return await _read(answer, at_most)
            finally:
                await answer.aclose()


async def _read(answer: httpx.Response, at_most: int) -> bytes:
    parts, size = [], 0
    async for part in answer.aiter_raw():
        size += len(part)
        if size > at_most:
            raise LinkError(f"it is larger than {at_most} bytes")
        parts.append(part)
    return b"".join(parts)


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
