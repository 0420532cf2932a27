"""The cookies of the page: read by no script, sent to nobody but us, and only by pages of our own.

Where the page is reached by https they are bound to https and to this very host (`__Host-`). Where it is not, browsers
know hosts and no ports: the port is in the name, so that two Instars on one machine do not log each other out.
"""

import re
from datetime import timedelta
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from api.page.access.origins import is_by_https
from api.services.dependencies import Services

SESSION = "instar-session"
LOGIN = "instar-login"
"""Of a login at an outside issuer that is under way."""

_VALUE = re.compile(r"[A-Za-z0-9_=-]{1,4000}")
_PORT = re.compile(r":([0-9]{1,5})\Z")

SameSite = Literal["strict", "lax"]


def name_of(request: Request, services: Services, kind: str) -> str:
    """What the cookie is called here."""
    if is_by_https(request, services):
        return f"__Host-{kind}"
    port = _PORT.search(request.headers.get("host", ""))
    return f"{kind}-{port[1]}" if port else kind


def read_cookie(request: Request, services: Services, kind: str = SESSION) -> str:
    """Its value; "" where there is none, or none of ours."""
    value = request.cookies.get(name_of(request, services, kind), "")
    return value if _VALUE.fullmatch(value) else ""


def set_cookie(  # noqa: PLR0917  # a response, and what goes into it
    response: Response,
    request: Request,
    services: Services,
    value: str,
    lasts: timedelta,
    kind: str = SESSION,
    same_site: SameSite = "strict",
) -> None:
    """Give the browser one."""
    response.set_cookie(
        name_of(request, services, kind),
        value,
        max_age=max(0, int(lasts.total_seconds())),
        path="/",
        secure=is_by_https(request, services),
        httponly=True,
        samesite=same_site,
    )


def drop_cookie(
    response: Response, request: Request, services: Services, kind: str = SESSION, same_site: SameSite = "strict"
) -> None:
    """Have the browser forget it."""
    set_cookie(response, request, services, "", timedelta(), kind, same_site)
