"""Temporal's page, for who has a session: asked under its own name, from nowhere else, and with payloads opened."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from temporalio.converter import PayloadCodec

from instar.connection.codec_requests import CodecRefusal, Verb, answer
from instar.stack.guard.links import OPEN, SESSION_LIFE, Sessions
from instar.stack.guard.views import OPENED, PATH, script

COOKIE = "instar_page"
CODEC = "/instar/codec"
SETTINGS = "/api/v1/settings"
"""Where Temporal's page asks how it is set up."""

BODY_AT_MOST = 8 * 1024 * 1024
PATIENCE_SECONDS = 60.0

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-authorization", "host"}
)
OURS = frozenset({"origin", "referer", "cookie", "accept-encoding", "content-length"})
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

ONLY_OURS = {"Content-Security-Policy": "default-src 'none'; script-src 'self'", "Cache-Control": "no-store"}

LOCKED = """<!doctype html><meta charset="utf-8"><title>Instar</title><h1>Temporal's page is locked</h1>
<p>Run <code>instar page --temporal</code> on the machine where Instar runs, as the user that it runs as, and open the
link that it prints. A link opens the page once; the session lasts 12 hours.</p>"""


def page_app(url: str, inner: str, sessions: Sessions, codec: PayloadCodec) -> FastAPI:
    """The application at `url`, before the page's server at the URL `inner`."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(base_url=inner, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            app.state.inner = client
            yield

    app = FastAPI(title="Temporal's page", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get(OPEN, response_model=None)
    async def open_page(request: Request, link: str = "") -> Response:
        if (refused := _foreign(request, url, opening=True)) is not None:
            return refused
        session = sessions.begin(link)
        if session is None:
            return HTMLResponse(LOCKED, HTTPStatus.UNAUTHORIZED, headers=SAFE)
        # No redirect: a browser keeps a strict cookie back from where a link of another site's page leads on to.
        opened = HTMLResponse(OPENED, headers=SAFE | ONLY_OURS)
        opened.set_cookie(
            COOKIE,
            session,
            max_age=int(SESSION_LIFE.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=url.startswith("https:"),
        )
        return opened

    @app.post(CODEC + "/{verb}", response_model=None)
    async def codec_server(request: Request, verb: Verb) -> Response:
        if (refused := _locked(request, url, sessions)) is not None:
            return refused
        try:
            text = await answer(codec, verb, await _body(request))
        except CodecRefusal as refusal:
            return Response(str(refusal), refusal.status, headers=SAFE)
        return Response(text, media_type="application/json", headers=SAFE | {"Cache-Control": "no-store"})

    @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], response_model=None)
    async def pass_on(request: Request) -> Response:
        if (refused := _locked(request, url, sessions)) is not None:
            return refused
        return _script() if request.url.path == PATH else await _passed_on(request, url)

    return app


def _script() -> Response:
    return Response(script(), media_type="text/javascript", headers=SAFE | {"Cache-Control": "no-store"})


def _locked(request: Request, url: str, sessions: Sessions) -> Response | None:
    """The refusal of who has no session, or of a page that is not ours."""
    if (refused := _foreign(request, url)) is not None:
        return refused
    if not sessions.is_good(request.cookies.get(COOKIE, "")):
        return HTMLResponse(LOCKED, HTTPStatus.UNAUTHORIZED, headers=SAFE)
    return None


def _foreign(request: Request, url: str, *, opening: bool = False) -> Response | None:
    """The refusal of a request under another name, or that another site's page has sent."""
    if request.headers.get("host", "").lower() != urlsplit(url).netloc:
        return Response(
            "This page has another name: run `instar page --temporal`, and open the link that it prints.\n",
            HTTPStatus.FORBIDDEN,
            headers=SAFE,
        )
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    # A link in a message opens the page from another site: it carries its own right.
    sites = ("same-origin", "none", "cross-site", "same-site") if opening else ("same-origin", "none")
    if origin not in (None, url) or site not in sites:
        return Response(
            "The page of another site sent this: it is refused. Open this page by itself.\n",
            HTTPStatus.FORBIDDEN,
            headers=SAFE,
        )
    return None


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_AT_MOST:
            raise CodecRefusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The request has more than {BODY_AT_MOST} bytes.")
        parts.append(part)
    return b"".join(parts)


async def _passed_on(request: Request, url: str) -> Response:
    client: httpx.AsyncClient = request.app.state.inner
    headers = [(name, value) for name, value in request.headers.items() if name not in HOP_BY_HOP | OURS]
    theirs = "; ".join(f"{name}={value}" for name, value in request.cookies.items() if name != COOKIE)
    if theirs:
        headers.append(("cookie", theirs))
    try:
        content = await _body(request)
        # As it came: a slash within an id is escaped in it.
        query = request.scope["query_string"]
        target = httpx.URL(raw_path=request.scope["raw_path"] + (b"?" + query if query else b""))
        asked = client.build_request(request.method, target, headers=headers, content=content)
        answered = await client.send(asked, stream=True)
    except CodecRefusal as refusal:
        return Response(str(refusal), refusal.status, headers=SAFE)
    except httpx.HTTPError:
        return Response(
            "Temporal's page does not answer just now: try again in a moment.\n", HTTPStatus.BAD_GATEWAY, headers=SAFE
        )
    if request.url.path == SETTINGS and answered.is_success:
        return await _with_our_codec(answered, url)
    passed = StreamingResponse(_taken_from(answered), answered.status_code)
    passed.raw_headers = [
        (name.lower(), value)
        for name, value in answered.headers.raw
        if name.lower().decode() not in HOP_BY_HOP | {"content-length", "content-encoding"}
    ]
    passed.headers.update(SAFE)
    return passed


async def _with_our_codec(answered: httpx.Response, url: str) -> Response:
    """The page's settings, with the codec server of this guard in them: nobody has a setting to find."""
    try:
        settings = json.loads(await answered.aread())
        settings["Codec"] = {**(settings.get("Codec") or {}), "Endpoint": f"{url}{CODEC}"}
    except (ValueError, TypeError, AttributeError):
        return Response(
            "Temporal's page gives settings that Instar cannot read: is it of another version?\n",
            HTTPStatus.BAD_GATEWAY,
            headers=SAFE,
        )
    finally:
        await answered.aclose()
    return JSONResponse(settings, headers=SAFE | {"Cache-Control": "no-store"})


async def _taken_from(answered: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in answered.aiter_bytes():
            yield part
    finally:
        await answered.aclose()
