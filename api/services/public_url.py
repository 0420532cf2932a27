"""Under which URL clients reach the API: what the settings say, else what the request itself says."""

import re

from starlette.requests import Request

from api.services.dependencies import Services

_HOST = re.compile(r"[A-Za-z0-9.\-_\[\]:]{1,260}")


def public_url(request: Request, services: Services) -> str:
    """Scheme and authority, without a slash at the end."""
    return services.settings.public_url.rstrip("/") or asked_url(request)


def asked_url(request: Request) -> str:
    """The same, of what this request was sent to, whatever the settings say.

    X-Forwarded headers are there only where a trusted proxy sent them (`instar.serving.proxies`).
    """
    proto = request.headers.get("x-forwarded-proto", request.url.scheme)
    host = request.headers.get("x-forwarded-host") or request.headers.get("host") or request.url.netloc
    # What does not look like a host is not repeated in an answer.
    if proto not in ("http", "https") or not _HOST.fullmatch(host):
        return str(request.base_url).rstrip("/")
    return f"{proto}://{host}"
