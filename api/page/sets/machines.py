"""The machines of a set one by one: as a table, and each with its disks, its health and what became of it."""

import asyncio
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from api.page.access.visitor import SeenDep
from api.page.asking import Answer, ask
from api.page.sets.doing import LOOKS
from api.page.sets.one_set import SetPathDep
from api.page.sets.rows import SETS
from api.page.views import view
from api.services.dependencies import SCALE_SET, printable_path
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.machine_doing import Doing

router = APIRouter(prefix=SETS, dependencies=[Depends(printable_path)])

LINES = 100
"""Machines of one page of the table."""
PAGE_AT_MOST = 10**6
NOT_FOUND = 404

Json = dict[str, Any]


@router.get(SCALE_SET + "/cells", response_model=None)
async def table(
    request: Request,
    visitor: SeenDep,
    path: SetPathDep,
    doing: Annotated[str, Query(max_length=40)] = "",
    page: Annotated[int, Query(ge=1, le=PAGE_AT_MOST)] = 1,
) -> Response:
    """Every machine in a table: the same as the picture tells, for whoever reads."""
    answer = await ask(request, visitor, "GET", f"{quote(path.resource_id)}/instar/machines")
    if not answer.ok:
        return _not_told(request, visitor, answer)
    groups = answer.body["properties"]["groups"]
    chosen = doing if doing in {one.value for one in Doing} else ""
    found = sorted(
        (
            (number, one)
            for one in groups
            if chosen in ("", one["doing"])
            for number in InstanceIds(ranges=one["instances"]).numbers()
        ),
        key=lambda pair: pair[0],
    )
    pages = max(1, -(-len(found) // LINES))
    at = min(page, pages)
    where = SETS + quote(path.resource_id)

    def address(to: int) -> str:
        return f"{where}/cells?{urlencode({**({'doing': chosen} if chosen else {}), 'page': to})}"

    return view(
        request,
        visitor,
        "sets/machines.html",
        name=path.name,
        where=where,
        lines=found[(at - 1) * LINES : at * LINES],
        found=len(found),
        page=at,
        pages=pages,
        address=address,
        doing=chosen,
        looks_of=LOOKS,
        words=[(one.value, look.word) for one, look in LOOKS.items()],
    )


@router.get(SCALE_SET + "/machines/{instanceId}", response_model=None)
async def machine(
    request: Request, visitor: SeenDep, path: SetPathDep, instance_id: Annotated[str, Path(alias="instanceId")]
) -> Response:
    """One machine: a part of the set's page for whoever opens a cell, else a page."""
    quoted = quote(instance_id, safe="")
    there, was = await asyncio.gather(
        ask(
            request,
            visitor,
            "GET",
            f"{quote(path.resource_id)}/virtualMachines/{quoted}",
            params={"$expand": "instanceView"},
        ),
        ask(request, visitor, "GET", f"{quote(path.resource_id)}/instar/machines/{quoted}"),
    )
    if not was.ok or (not there.ok and there.status != NOT_FOUND):
        return _not_told(request, visitor, was if not was.ok else there)
    is_part = request.headers.get("hx-request") == "true"
    return view(
        request,
        visitor,
        "sets/machine.html" if is_part else "sets/machine_page.html",
        name=path.name,
        where=SETS + quote(path.resource_id),
        instance_id=instance_id,
        level=2 if is_part else 1,
        body=there.body if there.ok else None,
        upgrades=was.body["properties"]["upgrades"],
    )


def _not_told(request: Request, visitor: SeenDep, answer: Answer) -> Response:
    template = "fault.html" if request.headers.get("hx-request") == "true" else "error.html"
    return view(request, visitor, template, status=answer.status, code=answer.code, message=answer.error)
