"""One set: what runs, how far it is, what stopped it and why, with each of its machines; and what changes in that."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from sse_starlette import EventSourceResponse
from starlette.responses import Response

from api.page import wording
from api.page.access.visitor import SeenDep
from api.page.asking import Api, api_of
from api.page.live.hub import Rights
from api.page.live.parts import Parts
from api.page.live.questions import Refused
from api.page.live.streams import known_rights, stream
from api.page.sets import batches
from api.page.sets.asked import DEFAULT_POLICY, Asking, Told
from api.page.sets.limit_views import limits
from api.page.sets.rows import SETS, bar_of, red_of
from api.page.views import rendered, view
from api.services.dependencies import SCALE_SET, ScaleSetPath, ServicesDep, printable_path, scale_set_path
from instar.compute.clock import Clock
from instar.domain.access import allowed, need_of

router = APIRouter(prefix=SETS, dependencies=[Depends(printable_path)])

REASONS = 40
"""Decisions shown of the newest upgrade; its history has all."""

Json = dict[str, Any]
SetPathDep = Annotated[ScaleSetPath, Depends(scale_set_path)]


@dataclass(frozen=True)
class SetShown:
    """One set at one moment."""

    told: Told
    now: datetime

    def parts(self, _view: Hashable = None) -> Parts:
        """What changes on its page."""
        told = self.told
        properties, upgrade = told.properties, told.upgrade
        groups = told.machines.get("groups", [])
        decisions = upgrade.get("decisions", []) if upgrade else []
        where = SETS + quote(told.overview["id"])
        common: Json = {
            "told": told,
            "properties": properties,
            "upgrade": upgrade,
            "where": where,
            "name": told.overview["name"],
        }
        newest = list(reversed(decisions))[:REASONS]
        return Parts(
            fragments={
                "head": rendered(
                    "sets/head.html",
                    **common,
                    red=red_of(properties),
                    bar=bar_of(upgrade) if upgrade and told.runs else None,
                    counts=wording.counts(upgrade) if upgrade else [],
                    last=decisions[-1] if decisions else None,
                ),
                "limits": rendered("sets/limits.html", limits=limits(told.machines, told.limits, upgrade)),
                "facts": rendered("sets/facts.html", **common, image=wording.image(properties["image"])),
                "batches": rendered(
                    "sets/batches.html", **common, batches=batches.batches(groups, decisions) if upgrade else []
                ),
                "tally": rendered("sets/tally.html", **common, counts=batches.tally(groups)),
            },
            rows={f"reason-{one['sequence']}": rendered("sets/reason.html", one=one) for one in newest},
            rows_in="reasons",
            data={
                "cells": batches.cells(told.machines),
                "state": f"{properties['state']} {upgrade['number'] if upgrade else 0}",
            },
        )


class OneSet:
    """The question."""

    def __init__(self, resource_id: str, rights: Rights, clock: Clock) -> None:
        self._clock = clock
        self.name = name_of(resource_id)
        told = allowed(rights, need_of("GET", DEFAULT_POLICY))
        self._asking = Asking(resource_id, default_is_told=told)

    async def look(self, api: Api) -> SetShown:
        """All that is known now. Raises Refused."""
        return SetShown(await self._asking.told(api), self._clock())

    def close(self) -> None:
        """End what is under way."""
        self._asking.close()


def name_of(resource_id: str) -> str:
    """Of the question about a set."""
    return f"set {resource_id.lower()}"


SET = SCALE_SET


@router.get(SET, response_model=None)
async def one_set(request: Request, services: ServicesDep, visitor: SeenDep, path: SetPathDep) -> Response:
    """Show it."""
    rights = await known_rights(services, visitor)
    question = OneSet(path.resource_id, rights, services.clock)
    try:
        shown = await question.look(api_of(request, visitor))
    except Refused as refusal:
        answer = refusal.answer
        return view(request, visitor, "error.html", status=answer.status, code=answer.code, message=answer.error)
    finally:
        question.close()
    parts, told = shown.parts(), shown.told
    where = SETS + quote(told.overview["id"])
    return view(
        request,
        visitor,
        "sets/one.html",
        parts=parts,
        told=told,
        properties=told.properties,
        overview=told.overview,
        resource_id=told.overview["id"],
        upgrade=told.upgrade,
        where=where,
        looks_of=batches.legend(),
        events=f"{where}/events?shows={parts.digest}",
    )


@router.get(SET + "/events", response_model=None)
async def events_of_one(
    request: Request, services: ServicesDep, visitor: SeenDep, path: SetPathDep
) -> EventSourceResponse:
    """What changes in it, as it changes."""
    resource_id = path.resource_id
    return await stream(
        request,
        services,
        visitor,
        name=name_of(resource_id),
        question=lambda rights: OneSet(resource_id, rights, services.clock),
    )
