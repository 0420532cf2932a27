"""What every answer tells browsers: that it is what its type says, and what a page of ours may load."""

import base64
import hashlib
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

NO_PAGE = b"default-src 'none'; frame-ancestors 'none'"

_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def policy_of(page: bytes) -> bytes:
    """The Content-Security-Policy of a page of ours: its own scripts, by their hashes, and files from here alone.

    >>> policy_of(b"<script>x</script>")[:75]
    b"default-src 'none'; script-src 'self' 'sha256-LXEWQrcmsEQBYnyp+6wy9chTD7GQ"
    """
    hashes = (base64.b64encode(hashlib.sha256(script).digest()) for script in _INLINE.findall(page))
    scripts = b" ".join((b"'self'", *(b"'sha256-%s'" % digest for digest in hashes)))
    return (
        b"default-src 'none'; script-src %s; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" % scripts
    )


class SafeHeaders:
    """ASGI middleware. Pages are held back until they are whole, since their policy names their scripts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with them."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        page = b""

        async def sending(message: Message) -> None:
            nonlocal start, page
            if message["type"] == "http.response.start":
                if _is_page(message):
                    start = message
                else:
                    await send(_with(message, NO_PAGE))
            elif start is None:
                await send(message)
            else:
                page += message.get("body", b"")
                if not message.get("more_body", False):
                    await send(_with(start, policy_of(page)))
                    await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, sending)


def _is_page(start: Message) -> bool:
    return any(name.lower() == b"content-type" and b"text/html" in value for name, value in start.get("headers", ()))


def _with(start: Message, policy: bytes) -> Message:
    given = list(start.get("headers", ()))
    there = {name.lower() for name, _ in given}
    more = (*ALWAYS, (b"content-security-policy", policy))
    return {**start, "headers": given + [pair for pair in more if pair[0] not in there]}
