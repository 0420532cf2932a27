"""Under which origins browsers reach the page, and whether a request was sent by a page of ours."""

from urllib.parse import urlsplit

from starlette.requests import Request

from api.services.dependencies import Services
from api.services.public_url import asked_url
from api.wire.errors import ArmError

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def origin_of_url(url: str) -> str:
    """Scheme, host and port as a browser's `Origin` has them; "" of what is no URL.

    >>> origin_of_url("https://Instar.example:443/x"), origin_of_url("http://[::1]:8080"), origin_of_url("http://[")
    ('https://instar.example', 'http://[::1]:8080', '')
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme.lower()}://{host.removesuffix(_DEFAULT_PORTS.get(parts.scheme.lower(), ' '))}"


def own_origins(request: Request, services: Services) -> frozenset[str]:
    """What the request was sent to, by its own word or a trusted proxy's, and what the settings say."""
    asked = origin_of_url(asked_url(request))
    public = services.settings.public_url
    return frozenset({asked, origin_of_url(public)} if public else {asked})


def is_by_https(request: Request, services: Services) -> bool:
    """Whether the browser speaks https, with us or with what stands before us."""
    asked, public = asked_url(request), services.settings.public_url
    if asked.startswith("https://"):
        return True
    host = origin_of_url(f"https://{asked.partition('://')[2]}")
    return public.startswith("https://") and origin_of_url(public) == host


def says_https(request: Request, services: Services) -> bool:
    """Whether the browser itself says that this is a page by https: behind a proxy that nobody told us of."""
    origin = request.headers.get("origin", "")
    return origin.startswith("https://") and origin in own_origins(request, services)


def wrong_in_origin(request: Request, services: Services) -> str:
    """Why a request that changes something was not sent by a page of ours; "" where it was.

    Browsers say where it comes from in `Origin` and `Sec-Fetch-Site`, and no page can make them say otherwise. The
    second of them is there only by https, or from this machine.
    """
    site, origin = request.headers.get("sec-fetch-site", ""), request.headers.get("origin", "")
    if not site and not origin:
        return "The browser does not say where this request comes from (Origin)."
    if site and site != "same-origin":
        return "This request comes from another site (Sec-Fetch-Site)."
    if origin and origin not in own_origins(request, services):
        return (
            "This request comes from another site (Origin). If this is Instar's own page, behind a proxy, then "
            "INSTAR_PUBLIC_URL or INSTAR_TRUSTED_PROXIES is not right (docs/operations.md)."
        )
    return ""


def not_from_page(wrong: str) -> ArmError:
    """The answer to such a request."""
    return ArmError(403, "RequestNotFromPage", f"{wrong} Nothing was done. Open the page anew, and try again.")
