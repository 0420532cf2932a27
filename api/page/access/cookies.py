"""The cookies of the page: read by no script, sent to nobody but us, and only by pages of our own.

Where the page is reached by https they are bound to https and to this very host (`__Host-`). Where it is not, browsers
know hosts and no ports: the port is in the name, so that two Instars on one machine do not log each other out.
"""

import re
from datetime import timedelta
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from api.page.access.origins import is_by_https, says_https
from api.services.dependencies import Services

SESSION = "instar-session"
LOGIN = "instar-login"
"""Of a login at an outside issuer that is under way."""

_VALUE = re.compile(r"[A-Za-z0-9_=-]{1,4000}")
_PORT = re.compile(r":([0-9]{1,5})\Z")

SameSite = Literal["strict", "lax"]


def names_of(request: Request, services: Services, kind: str) -> tuple[str, ...]:
    """What the cookie may be called here: where it is not sure that the browser speaks https, either."""
    bound = f"__Host-{kind}"
    return (bound,) if is_by_https(request, services) else (bound, _plain_name(request, kind))


def _plain_name(request: Request, kind: str) -> str:
    port = _PORT.search(request.headers.get("host", ""))
    return f"{kind}-{port[1]}" if port else kind


def read_cookie(request: Request, services: Services, kind: str = SESSION) -> str:
    """Its value; "" where there is none, or none of ours."""
    values = (request.cookies.get(name, "") for name in names_of(request, services, kind))
    return next((value for value in values if _VALUE.fullmatch(value)), "")


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
    bound = is_by_https(request, services) or says_https(request, services)
    _set(response, f"__Host-{kind}" if bound else _plain_name(request, kind), value, lasts, same_site, secure=bound)


def drop_cookie(
    response: Response, request: Request, services: Services, kind: str = SESSION, same_site: SameSite = "strict"
) -> None:
    """Have the browser forget it, under whichever name it has it."""
    for name in names_of(request, services, kind):
        _set(response, name, "", timedelta(), same_site, secure=name.startswith("__Host-"))


def _set(response: Response, name: str, value: str, lasts: timedelta, same_site: SameSite, *, secure: bool) -> None:
    response.set_cookie(
        name,
        value,
        max_age=max(0, int(lasts.total_seconds())),
        path="/",
        secure=secure,
        httponly=True,
        samesite=same_site,
    )
