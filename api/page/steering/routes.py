"""Where the forms of steering are: below `/page/steering`, by the id of a set or by what is steered over many."""

from typing import Annotated, NoReturn
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api.access.caller import NOBODY
from api.page.access.visitor import ActsDep, SeenDep, Visitor, form_of
from api.page.asking import Answer, api_of
from api.page.steering import fleet_acts, forms, offers
from api.page.steering.act import Subject, Typed
from api.page.steering.forms import Place
from api.page.steering.reading import written
from api.page.steering.subjects import NotShown, all_of, named, set_of
from api.page.views import view
from api.services.dependencies import ScaleSetPathDep
from instar.domain.access import need_of

router = APIRouter()

STEERING = "/page/steering"
SET = (
    STEERING + "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute"
    "/virtualMachineScaleSets/{scaleSetName}"
)
SETS = "/page/sets"

NO_SUCH_ACT = {
    "code": "NotFound",
    "message": "There is no such act here: what may be done stands on the page of steering.",
}
POLICY = "/instar/rolloutPolicy"
NOT_FOR_THIS_ONE = Answer(
    403,
    {
        "error": {
            "code": "AuthorizationFailed",
            "message": "Your roles do not let you read these: it takes the role Reader everywhere (/).",
        }
    },
)
"""Not asked for: whoever looks at the page tries nothing that the audit log should tell of as refused."""


async def of_set(request: Request, visitor: SeenDep, place: ScaleSetPathDep, act: str) -> Place | None:
    """The form of an act on a set; None of one that there is not."""
    found, resource_id = offers.OF_SETS.get(act), place.resource_id
    if found is None:
        return None

    async def look(_: Typed) -> Subject:
        return await set_of(request, visitor, resource_id, found)

    address = f"{STEERING}{quote(resource_id)}/{act}"
    return Place(found, look, address, f"{SETS}{quote(resource_id)}", place.name)


async def of_all(request: Request, visitor: SeenDep, act: str) -> Place | None:
    """The form of an act on many sets; None of one that there is not."""
    found = offers.OF_ALL.get(act)
    if found is None:
        return None

    async def look(typed: Typed) -> Subject:
        name = typed.get("name", "").strip()
        path = fleet_acts.place_of(found, name) if act in offers.NAMED else found.route[1].removesuffix("/test")
        return await named(request, visitor, path, name)

    return Place(found, look, f"{STEERING}/{act}", STEERING, "Steering")


OfSet = Annotated[Place | None, Depends(of_set)]
OfAll = Annotated[Place | None, Depends(of_all)]


@router.get(STEERING)
async def steering(request: Request, visitor: SeenDep) -> Response:
    """Holds, limits, rings and the default rollout policy, with what may be done to each."""
    api = api_of(request, visitor)
    empty = await named(request, visitor, "", "")
    lists, missing = {}, {}
    for path in (fleet_acts.HOLDS, fleet_acts.LIMITS, fleet_acts.RINGS):
        try:
            lists[path] = await all_of(api, path) if _may_read(empty, path) else _not_read()
        except NotShown as refused:
            lists[path], missing[path] = [], refused.answer
    policy = await api.ask("GET", POLICY) if _may_read(empty, POLICY) else NOT_FOR_THIS_ONE
    return view(
        request,
        visitor,
        "steering/all.html",
        holds=offers.of_each(empty, lists[fleet_acts.HOLDS]),
        limits=offers.of_each(empty, lists[fleet_acts.LIMITS]),
        rings=offers.of_each(empty, lists[fleet_acts.RINGS]),
        missing=missing,
        policy=policy,
        policy_written=written(policy.body.get("properties")),
        may={act.name: act.may(empty) for act in offers.OF_ALL.values()},
    )


@router.get(STEERING + "/bar")
async def bar(request: Request, visitor: SeenDep) -> Response:
    """What is held of all, and what may be done about it: a part of the list of sets."""
    empty = await named(request, visitor, "", "")
    try:
        holds = await all_of(api_of(request, visitor), fleet_acts.HOLDS)
    except NotShown as gone:
        return view(request, visitor, "steering/bar.html", holds=[], may=False, answer=gone.answer)
    held = offers.of_each(empty, holds)
    return view(request, visitor, "steering/bar.html", holds=held, may=fleet_acts.HOLD.may(empty), answer=None)


@router.get(STEERING + "/{act}")
async def ask_of_all(request: Request, visitor: SeenDep, place: OfAll) -> Response:
    """The form of an act."""
    return await forms.shown(request, visitor, place) if place else no_such_act(request, visitor)


@router.post(STEERING + "/{act}")
async def do_of_all(request: Request, visitor: ActsDep, place: OfAll) -> Response:
    """The plan of an act, or its answer."""
    return await forms.sent(request, visitor, place, await form_of(request)) if place else no_such_act(request, visitor)


@router.get(STEERING + "/{act}/done")
async def done_of_all(request: Request, visitor: SeenDep, place: OfAll) -> Response:
    """What became of it."""
    return await forms.done(request, visitor, place, "") if place else no_such_act(request, visitor)


@router.get(SET)
async def steering_of_set(request: Request, visitor: SeenDep, path: ScaleSetPathDep) -> Response:
    """All that may be done to a set now: a page of its own, and the part of the page of the set."""
    try:
        subject = await set_of(request, visitor, path.resource_id)
    except NotShown as gone:
        return forms.not_shown(request, visitor, gone.answer)
    is_part = request.headers.get("hx-request") == "true"
    return view(
        request,
        visitor,
        "steering/offers.html" if is_part else "steering/set.html",
        subject=subject,
        groups=await offers.of_set(request, visitor, subject),
        holdable=offers.holdable(subject),
        releasable=offers.may_release(subject),
        address=f"{STEERING}{quote(subject.id)}",
        back=f"{SETS}{quote(subject.id)}",
    )


@router.get(SET + "/{act}")
async def ask_of_set(request: Request, visitor: SeenDep, place: OfSet) -> Response:
    """The form of an act."""
    return await forms.shown(request, visitor, place) if place else no_such_act(request, visitor)


@router.post(SET + "/{act}")
async def do_of_set(request: Request, visitor: ActsDep, place: OfSet) -> Response:
    """The plan of an act, or its answer."""
    return await forms.sent(request, visitor, place, await form_of(request)) if place else no_such_act(request, visitor)


@router.get(SET + "/{act}/done")
async def done_of_set(
    request: Request,
    visitor: SeenDep,
    path: ScaleSetPathDep,
    place: OfSet,
    *,
    location: str = "",
    operation: str = "",
) -> Response:
    """What became of it."""
    if place is None:
        return no_such_act(request, visitor)
    below = f"locations/{quote(location, safe='')}/operations/{quote(operation, safe='')}"
    provider = f"/subscriptions/{quote(path.subscription_id, safe='')}/providers/Microsoft.Compute"
    is_one = location.strip(".") and operation.strip(".") and len(below) < forms.OPERATION_AT_MOST
    return await forms.done(request, visitor, place, f"{provider}/{below}" if is_one else "")


def _may_read(subject: Subject, path: str) -> bool:
    """Whether it is asked for; where no roles are known the API says why."""
    return subject.caller is NOBODY or subject.caller.may(need_of("GET", path))


def _not_read() -> NoReturn:
    raise NotShown(NOT_FOR_THIS_ONE)


def no_such_act(request: Request, visitor: Visitor) -> Response:
    """404."""
    return forms.not_shown(request, visitor, Answer(404, {"error": NO_SUCH_ACT}))
