"""The upgrades that a set had, and one of them as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from api.page import wording
from api.page.access.visitor import SeenDep
from api.page.asking import Answer, ask
from api.page.sets.one_set import SetPathDep
from api.page.sets.rows import SETS
from api.page.views import view
from api.services.dependencies import SCALE_SET, Services, ServicesDep, printable_path
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.sets.names import NAMESPACE

router = APIRouter(prefix=SETS, dependencies=[Depends(printable_path)])

LINES = "50"
"""Upgrades of one page of the list."""
TOKEN_AT_MOST = 2_000
"""Characters of the API's token of a page."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Became:
    """Machines that came to the same in the same batch, for the same reason."""

    batch: int
    outcome: str
    reason: str
    ids: str
    """As ranges."""
    count: int


@router.get(SCALE_SET + "/history", response_model=None)
async def upgrades(
    request: Request,
    visitor: SeenDep,
    path: SetPathDep,
    after: Annotated[str, Query(max_length=TOKEN_AT_MOST)] = "",
) -> Response:
    """All of them, and what was done to single machines, the newest first."""
    params = {"kind": ",".join(UpgradeKind), "$top": LINES} | ({"$skiptoken": after} if after else {})
    answer = await ask(request, visitor, "GET", f"{quote(path.resource_id)}/instar/upgrades", params=params)
    if not answer.ok:
        return _not_told(request, visitor, answer)
    where = SETS + quote(path.resource_id)
    further = parse_qs(urlsplit(answer.body.get("nextLink", "")).query).get("$skiptoken", [""])[0]
    return view(
        request,
        visitor,
        "history/upgrades.html",
        name=path.name,
        where=where,
        upgrades=[one["properties"] for one in answer.body["value"]],
        counts=wording.counts,
        is_first=not after,
        further=f"{where}/history?{urlencode({'after': further})}" if further else "",
    )


@router.get(SCALE_SET + "/history/{upgradeNumber}", response_model=None)
async def upgrade(
    request: Request,
    services: ServicesDep,
    visitor: SeenDep,
    path: SetPathDep,
    number: Annotated[str, Path(alias="upgradeNumber")],
) -> Response:
    """One of them: every decision and its reason, every machine and its outcome."""
    answer = await ask(
        request,
        visitor,
        "GET",
        f"{quote(path.resource_id)}/instar/upgrades/{quote(number, safe='')}",
        params={"$expand": "decisions,instances,from"},
    )
    if not answer.ok:
        return _not_told(request, visitor, answer)
    told = answer.body["properties"]
    return view(
        request,
        visitor,
        "history/upgrade.html",
        name=path.name,
        where=SETS + quote(path.resource_id),
        upgrade=told,
        counts=wording.counts(told),
        became=became(told["instances"]),
        workflow=workflow_link(services, told.get("workflowId", "")),
    )


def became(instances: Mapping[str, Mapping[str, Any]]) -> list[Became]:
    """What became of each machine; those of whom the same is told stand together.

    >>> same = {"outcome": "upgraded", "batch": 1, "reason": ""}
    >>> [(one.ids, one.count) for one in became({"0": same, "1": same, "2": {**same, "batch": 2}})]
    [('0-1', 2), ('2', 1)]
    """
    found: dict[tuple[int, str, str], list[str]] = {}
    for instance_id, one in instances.items():
        found.setdefault((one["batch"], one["outcome"], one["reason"]), []).append(instance_id)
    order = {outcome.value: index for index, outcome in enumerate(Outcome)}
    return [
        Became(batch, outcome, reason, InstanceIds.of(ids).ranges, len(ids))
        for (batch, outcome, reason), ids in sorted(
            found.items(), key=lambda pair: (pair[0][0] == 0, pair[0][0], order.get(pair[0][1], 0), pair[0][2])
        )
    ]


def workflow_link(services: Services, workflow_id: str) -> str:
    """Where Temporal's page shows it; "" where nobody has said where that page is, or there is no workflow."""
    page = services.settings.hooks.temporal_page
    return f"{page}/namespaces/{NAMESPACE}/workflows/{quote(workflow_id, safe='')}" if page and workflow_id else ""


def _not_told(request: Request, visitor: SeenDep, answer: Answer) -> Response:
    return view(request, visitor, "error.html", status=answer.status, code=answer.code, message=answer.error)
