"""One call to somebody else's system: to the address that was checked, for so long, with so much of an answer (G4).

The transport of httpx is used without its client: that follows redirects, keeps cookies, reads proxies from the
environment and logs whole URLs. Every call has a connection of its own.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import httpx
from opentelemetry.trace import Tracer

from instar.compute.clock import Clock, utc_now
from instar.compute.probing.reach import Address, parsed
from instar.outbound.allowed import Permission
from instar.outbound.calls import noted
from instar.outbound.errors import Unanswered
from instar.outbound.resolver import Resolver, SystemResolver
from instar.outbound.retry_after import retry_after
from instar.telemetry.purposes import Purpose

USER_AGENT = "Instar"

DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said: nothing of it is believed but for these."""

    status: int
    retry_after: timedelta | None = None
    """How long it asks us to wait; never negative."""
    body: bytes = b""
    """Empty where none was asked for."""

    @property
    def is_success(self) -> bool:
        """Whether it is 2xx. A redirect is none, and is not followed."""
        return 200 <= self.status < 300  # noqa: PLR2004  # HTTP's own numbers


class OutboundClient:
    """Calls, for one event loop at a time; any number at once."""

    def __init__(
        self,
        allowed: Permission,
        *,
        ca_file: Path | None = None,
        resolver: Resolver | None = None,
        clock: Clock = utc_now,
        tracer: Tracer | None = None,
    ) -> None:
        """`ca_file`: authorities in PEM that are trusted besides the usual ones. Raises OSError, ssl.SSLError.

        `tracer`: where traces are on, each call is a span of it.
        """
        self._allowed = allowed
        self._resolver = resolver or SystemResolver()
        self._clock = clock
        self._tracer = tracer
        self._tls = _trusting(ca_file)

    async def call(
        self,
        purpose: Purpose,
        method: str,
        url: str,
        *,
        within: timedelta,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        body_at_most: int = 0,
    ) -> Answer:
        """Ask once. `within`: for all of it, resolution included; `body_at_most`: bytes, 0 reads no body.

        Raises NotAllowed, Unanswered.
        """
        with noted(purpose, method, self._tracer) as call:
            checked = self._allowed.checked(url)
            call.goes_to(checked.host)
            try:
                async with asyncio.timeout(within.total_seconds()):
                    answer = await self._call(method, checked, dict(headers or {}), content, body_at_most, within)
            except TimeoutError:
                raise Unanswered(f"{checked.host} gave no whole answer within {within.total_seconds():g} s") from None
            call.answered(answer.status)
            return answer

    async def _call(  # noqa: PLR0917  # from there to here
        self,
        method: str,
        url: httpx.URL,
        headers: dict[str, str],
        content: bytes,
        body_at_most: int,
        within: timedelta,
    ) -> Answer:
        host = url.raw_host.decode("ascii").rstrip(".")
        port = url.port or DEFAULT_PORTS[url.scheme]
        try:
            addresses: tuple[Address, ...] = (parsed(host),)
        except ValueError:
            addresses = await self._resolver.addresses(host, port)
        # All of them: a name with one good address and one of ours is not called at its good one either.
        for address in addresses:
            self._allowed.check_address(address, port)
        seconds = within.total_seconds()
        timeout = {"connect": seconds / len(addresses), "read": seconds, "write": seconds, "pool": seconds}
        headers |= {
            "Host": url.netloc.decode("ascii"),
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        failed: Unanswered | None = None
        for address in addresses:
            request = httpx.Request(
                method,
                url.copy_with(host=str(address)),
                headers=headers,
                content=content,
                extensions={"timeout": timeout} | _name_for_tls(host, address),
            )
            try:
                return await self._sent(request, host, body_at_most)
            except httpx.ConnectError as error:
                failed = Unanswered(f"no connection to {host}: {_why(error)}")
            except httpx.ConnectTimeout:
                failed = Unanswered(f"no connection to {host} in time")
        assert failed is not None, "a host has at least one address"  # noqa: S101  # the resolver's promise
        raise failed

    async def _sent(self, request: httpx.Request, host: str, body_at_most: int) -> Answer:
        transport = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False)
        try:
            response = await transport.handle_async_request(request)
            try:
                body = await _body(response, host, body_at_most) if body_at_most else b""
            finally:
                await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise Unanswered(f"{host} broke off or answered what is no HTTP ({type(error).__name__})") from None
        finally:
            await transport.aclose()
        return Answer(response.status_code, self._wait(response), body)

    def _wait(self, response: httpx.Response) -> timedelta | None:
        now: datetime = self._clock()
        return retry_after(response.headers.get("Retry-After", ""), now)


@cache
def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Read once: it takes a hundredth of a second."""
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


async def _body(response: httpx.Response, host: str, at_most: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        raise Unanswered(f"{host} sent its answer compressed, which was not asked for")
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > at_most:
            raise Unanswered(f"the answer of {host} is longer than {at_most} bytes")
    return bytes(body)


def _name_for_tls(host: str, address: Address) -> dict[str, str]:
    """The certificate must be the name's, whatever address is connected to."""
    return {} if host == str(address) else {"sni_hostname": host}


def _cause(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        if isinstance(error, ssl.SSLError):
            break
        error = inner
    return error


def _why(error: httpx.ConnectError) -> str:
    cause = _cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not good ({cause.verify_message})"
    if isinstance(cause, ssl.SSLError):
        return "no TLS connection was made"
    return "it was refused" if isinstance(cause, ConnectionRefusedError) else "none was made"
