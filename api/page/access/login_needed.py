"""Where nobody is logged in: the way to the login and back, for whoever asks."""

from urllib.parse import urlencode, urlsplit

from fastapi import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from api.page.access.then import HOME, place_of
from api.page.views import rendered

LOGIN = "/page/login"


def to_login(request: Request) -> Response:
    """A redirect; of htmx a header that says the same; of an event stream, which follows neither, 401."""
    if request.headers.get("hx-request") == "true":
        where = login_for(_shown(request))
        return PlainTextResponse("Log in first.", status_code=401, headers={"HX-Redirect": where})
    if "text/event-stream" in request.headers.get("accept", ""):
        return PlainTextResponse("Log in first.", status_code=401)
    if request.method not in ("GET", "HEAD"):
        return RedirectResponse(LOGIN, status_code=303)
    where = login_for(_with_query(request.url.path, request.url.query))
    return HTMLResponse(onward_page(where)) if is_led_here(request) else RedirectResponse(where, status_code=303)


def onward_page(place: str) -> str:
    """What leads on to a place of the page, with all cookies.

    After a link of another site browsers do not send a strict cookie, nor while they follow redirects from there. From
    a page of our own they do.
    """
    return rendered("onward.html", place=place)


def is_led_here(request: Request) -> bool:
    """Whether somebody follows a link of another site."""
    return (
        request.headers.get("sec-fetch-site", "") in ("cross-site", "same-site")
        and request.headers.get("sec-fetch-mode", "") == "navigate"
    )


def login_for(then: str) -> str:
    """The login that leads on to that place."""
    place = place_of(then)
    return LOGIN if place == HOME else f"{LOGIN}?{urlencode({'then': place})}"


def _shown(request: Request) -> str:
    """The page that htmx asks for; the home of the page where it names none."""
    try:
        shown = urlsplit(request.headers.get("hx-current-url", ""))
    except ValueError:
        return HOME
    return _with_query(shown.path, shown.query)


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path
