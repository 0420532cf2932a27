"""All sets: `/`, and what changes in it."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from sse_starlette import EventSourceResponse
from starlette.responses import Response

from api.page.access.visitor import SeenDep
from api.page.asking import Api, api_of, further
from api.page.live.parts import Parts
from api.page.live.questions import Refused
from api.page.live.streams import stream
from api.page.sets.rows import SEARCHED_AT_MOST, STATES, Row, Wanted, listed, row_of
from api.page.views import rendered, view
from api.services.dependencies import ServicesDep
from instar.compute.clock import Clock

router = APIRouter()

NAME = "all sets"
ALL = "/instar/scaleSets"
AT_ONCE = "10000"
"""Sets of one answer of the API."""
MACHINES_EVERY = 15.0
"""Seconds between two looks at the machines of all sets: their versions and their health."""
MACHINES_WITHIN = 2.0
"""Seconds that a page waits for those before it is shown without them."""
PAGE_AT_MOST = 10**6

Json = dict[str, Any]

FROM_MACHINES = ("versions", "health")
"""What the API asks the compute for."""


async def sets_of(api: Api, *, expand: str = "") -> list[Json]:
    """All that the visitor may read. Raises Refused."""
    params = {"$top": AT_ONCE} | ({"$expand": expand} if expand else {})
    found: list[Json] = []
    path = ALL
    while path:
        answer = await api.ask("GET", path, params=params)
        if not answer.ok:
            raise Refused(answer)
        found += answer.body["value"]
        path, params = further(path, answer), {}
    return found


@dataclass(frozen=True)
class SetsShown:
    """All sets at one moment."""

    rows: tuple[Row, ...]

    def parts(self, view: Hashable) -> Parts:
        """Of those that are asked for."""
        assert isinstance(view, Wanted)  # noqa: S101  # the route below gives it
        page = listed(self.rows, view)
        return Parts(
            fragments={
                "summary": rendered("sets/summary.html", listed=page),
                "pages": rendered("sets/pages.html", listed=page, address=address),
            },
            rows={f"set-{row.key}": rendered("sets/row.html", row=row) for row in page.rows},
        )


@dataclass
class AllSets:
    """The question. What is written down is asked for at each look, the machines now and then beside it."""

    clock: Clock
    name: str = NAME
    _machines: dict[str, Json] = field(default_factory=dict)
    """What they told last, by the id of the set."""
    _asking: "asyncio.Task[None] | None" = None
    _asked_at: float | None = None

    async def look(self, api: Api) -> SetsShown:
        """All that is known now. Raises Refused."""
        self._ask_machines(api)
        return self._shown(await sets_of(api))

    async def first(self, api: Api) -> SetsShown:
        """For a page that is loaded: it waits a little for the machines, too. Raises Refused."""
        self._ask_machines(api)
        found = await sets_of(api)
        if self._asking is not None:
            await asyncio.wait({self._asking}, timeout=MACHINES_WITHIN)
        self.close()
        return self._shown(found)

    def close(self) -> None:
        """End what is under way."""
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _shown(self, found: list[Json]) -> SetsShown:
        return SetsShown(tuple(row_of(_with(one, self._machines.get(one["id"]))) for one in found))

    def _ask_machines(self, api: Api) -> None:
        now = asyncio.get_running_loop().time()
        if self._asked_at is not None and now - self._asked_at < MACHINES_EVERY:
            return
        if self._asking is None or self._asking.done():
            self._asked_at = now
            self._asking = asyncio.create_task(self._see_machines(api))

    async def _see_machines(self, api: Api) -> None:
        try:
            found = await sets_of(api, expand=",".join(FROM_MACHINES))
        except Refused:
            return  # the look itself meets the same, and says so
        self._machines = {
            one["id"]: {name: told[name] for name in FROM_MACHINES if name in (told := one["properties"])}
            for one in found
        }


def _with(one: Json, machines: Json | None) -> Json:
    return one if not machines else {**one, "properties": one["properties"] | machines}


def address(wanted: Wanted, page: int = 1, path: str = "/") -> str:
    """Of that page of the list."""
    query = urlencode(Wanted(wanted.text, wanted.state, page).query)
    return f"{path}?{query}" if query else path


async def wanted_of(
    q: Annotated[str, Query(max_length=SEARCHED_AT_MOST)] = "",
    state: Annotated[str, Query(max_length=SEARCHED_AT_MOST)] = "",
    page: Annotated[int, Query(ge=1, le=PAGE_AT_MOST)] = 1,
) -> Wanted:
    """What is asked for; a state that there is not is none."""
    return Wanted(q, state if state in STATES else "", page)


WantedDep = Annotated[Wanted, Depends(wanted_of)]


@router.api_route("/", methods=["GET", "HEAD"], response_model=None)
async def all_sets(
    request: Request,
    services: ServicesDep,
    visitor: SeenDep,
    wanted: WantedDep,
) -> Response:
    """Show them: what needs a person first."""
    try:
        shown = await AllSets(services.clock).first(api_of(request, visitor))
    except Refused as refusal:
        answer = refusal.answer
        return view(request, visitor, "error.html", status=answer.status, code=answer.code, message=answer.error)
    parts = shown.parts(wanted)
    return view(
        request,
        visitor,
        "sets/all.html",
        parts=parts,
        wanted=wanted,
        states=STATES,
        events=_with_shown(address(wanted, wanted.page, "/page/events"), parts.digest),
    )


@router.get("/page/events", response_model=None)
async def events_of_all(
    request: Request,
    services: ServicesDep,
    visitor: SeenDep,
    wanted: WantedDep,
) -> EventSourceResponse:
    """What changes in the list, as it changes."""
    return await stream(request, services, visitor, name=NAME, question=lambda _: AllSets(services.clock), view=wanted)


def _with_shown(address: str, digest: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}shows={digest}"
