"""Rollout policies of sets, and the default one of all others: Instar's addition (docs/rules.md W1 to W3)."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.access.reasons import noted, reason_of
from api.services.dependencies import SCALE_SET, Services, ServicesDep
from api.services.scale_set_lookup import StoredDep
from api.upgrades import policy_calls
from api.upgrades.policy_bodies import EXAMPLE, read_body
from api.upgrades.policy_checks import check_body, preview
from api.wire.bodies import JsonBody, OptionalJsonBody, described
from api.wire.errors import ArmError, changed_meanwhile, not_found, overtaken, scale_set_not_found
from api.wire.moments import moment
from api.wire.preconditions import Preconditions, PreconditionsDep
from instar.domain.access import need_of
from instar.domain.steering.outside.asked_calls import AskedCalls
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.store.errors import Missing
from instar.store.sets.stored_scale_set import StoredScaleSet
from instar.store.steering.rollout_policies import DEFAULT, StoredPolicy

router = APIRouter(tags=["rollout policies"])
"""Of sets."""

default_router = APIRouter(tags=["rollout policies"])
"""Of everything; outside of what ARM knows, so without an api-version."""

OF_SET = SCALE_SET + "/instar/rolloutPolicy"
OF_ALL = "/instar/rolloutPolicy"
TYPE = "Microsoft.Compute/virtualMachineScaleSets/instar"
TYPE_OF_ALL = "Instar/rolloutPolicies"
WHAT = "rollout policy"

TRIES = 5
"""For a policy that others change at the same time."""

Json = dict[str, Any]


@router.get(OF_SET, response_model=None)
async def get_policy(services: ServicesDep, stored: StoredDep) -> Response:
    """The rollout policy of a set's own. 404 if it has none: then the default one holds, if there is one."""
    found = await asyncio.to_thread(services.store.rollout_policies.get, stored.identity.unique_id)
    if found is None:
        raise not_found(f"'{stored.identity.name}' has no rollout policy of its own: {OF_ALL} holds, where it is set.")
    return await _answer(services, found, _place(stored), 200)


@router.put(OF_SET, response_model=None, openapi_extra=described(EXAMPLE))
async def put_policy(
    request: Request, services: ServicesDep, stored: StoredDep, body: JsonBody, preconditions: PreconditionsDep
) -> Response:
    """Store the rollout policy of a set (201), or another one in its place (200), as a whole.

    The next upgrade is pinned to it; one that runs goes on by the one that it began with (P1).
    """
    try:
        return await _put(request, services, stored.identity.unique_id, _place(stored), body, preconditions)
    except Missing:
        raise scale_set_not_found(stored.identity.name, stored.resource_group) from None


@router.delete(OF_SET, response_model=None)
async def delete_policy(
    request: Request, services: ServicesDep, stored: StoredDep, preconditions: PreconditionsDep, reason: str = ""
) -> Response:
    """Remove the rollout policy of a set: from its next upgrade on the default one holds. 204 if there is none."""
    return await _delete(request, services, stored.identity.unique_id, preconditions, reason)


@router.post(OF_SET + "/check", response_model=None, openapi_extra=described(EXAMPLE))
async def check_policy(services: ServicesDep, stored: StoredDep, body: OptionalJsonBody) -> Json:
    """What a rollout policy would mean for a set now: its next openings, its first batches, what is odd about it.

    Nothing is stored. Without `properties` in the body it is the policy that is in force for the set.
    """
    policy, shown, remarks = await _to_check(services, stored.identity.unique_id, _place(stored)[0], body)
    batches, more = await preview(services, stored, policy)
    return await asyncio.to_thread(check_body, policy, shown, services.clock(), [*more, *remarks]) | {
        "batches": batches
    }


@default_router.get(OF_ALL, response_model=None)
async def get_default_policy(services: ServicesDep) -> Response:
    """The rollout policy of every set that has none of its own. 404 if there is none."""
    found = await asyncio.to_thread(services.store.rollout_policies.get, DEFAULT)
    if found is None:
        raise not_found("There is no default rollout policy.")
    return await _answer(services, found, (OF_ALL, TYPE_OF_ALL), 200)


@default_router.put(OF_ALL, response_model=None, openapi_extra=described(EXAMPLE))
async def put_default_policy(
    request: Request, services: ServicesDep, body: JsonBody, preconditions: PreconditionsDep
) -> Response:
    """Store the rollout policy of every set that has none of its own (201), or another one in its place (200)."""
    return await _put(request, services, DEFAULT, (OF_ALL, TYPE_OF_ALL), body, preconditions)


@default_router.delete(OF_ALL, response_model=None)
async def delete_default_policy(
    request: Request, services: ServicesDep, preconditions: PreconditionsDep, reason: str = ""
) -> Response:
    """Remove the default rollout policy. 204 if there is none."""
    return await _delete(request, services, DEFAULT, preconditions, reason)


@default_router.post(OF_ALL + "/check", response_model=None, openapi_extra=described(EXAMPLE))
async def check_default_policy(services: ServicesDep, body: OptionalJsonBody) -> Json:
    """What a rollout policy would mean now: its next openings, and what is odd about it. Nothing is stored.

    Without `properties` in the body it is the default one.
    """
    policy, shown, remarks = await _to_check(services, DEFAULT, OF_ALL, body)
    return await asyncio.to_thread(check_body, policy, shown, services.clock(), remarks)


async def _to_check(services: Services, unique_id: str, path: str, body: Json) -> tuple[RolloutPolicy, Json, list[str]]:
    """The policy of a body, else the one in force, how it is shown, and what is odd about how it was sent."""
    if body.get("properties") is not None:
        policy, calls = await read_body(body, services.clock())
        policy_calls.checked(calls, services.settings.hooks.allow)
        return policy, policy_calls.shown_unsealed(calls, policy), policy_calls.without_secret(calls)
    found = await asyncio.to_thread(services.store.rollout_policies.in_force, unique_id)
    if found is None:
        return RolloutPolicy(), {}, []
    return found.policy, await _shown(services, found, path), []


async def _put(  # noqa: PLR0917  # passed on
    request: Request,
    services: Services,
    unique_id: str,
    place: tuple[str, str],
    body: Json,
    preconditions: Preconditions,
) -> Response:
    asked, reason = await read_body(body, services.clock()), noted(request, reason_of(body))
    for left in reversed(range(TRIES)):
        try:
            stored, created = await _stored(services, unique_id, asked, reason, preconditions)
        except ArmError as error:
            if not left or not overtaken(error):
                raise
        else:
            return await _answer(services, stored, place, 201 if created else 200)
    raise AssertionError("the last try returns or raises")


async def _stored(
    services: Services,
    unique_id: str,
    asked: tuple[RolloutPolicy, AskedCalls],
    reason: str,
    preconditions: Preconditions,
) -> tuple[StoredPolicy, bool]:
    """Put it in the place of what is there. Raises ArmError 409 where that was changed meanwhile."""
    policy, calls = asked
    had = await asyncio.to_thread(services.store.rollout_policies.get, unique_id)
    known = await policy_calls.places_of(services, had.policy if had else None)
    allow = services.settings.hooks.allow
    sealed = policy_calls.sealed(calls, policy, had.policy if had else None, known, allow)

    def allowed(etag: str) -> None:
        preconditions.check(_quoted(etag), WHAT)
        if etag != (had.etag if had else ""):
            raise changed_meanwhile()

    return await asyncio.to_thread(
        services.store.rollout_policies.put,
        unique_id,
        sealed.policy,
        services.caller.principal.name,
        services.clock(),
        reason,
        allowed,
        sealed.places,
    )


async def _delete(
    request: Request, services: Services, unique_id: str, preconditions: Preconditions, reason: str
) -> Response:
    noted(request, reason_of({"reason": reason}))
    removed = await asyncio.to_thread(
        services.store.rollout_policies.delete,
        unique_id,
        lambda etag: preconditions.check(_quoted(etag), WHAT),
    )
    return Response(status_code=200 if removed else 204)


def _place(stored: StoredScaleSet) -> tuple[str, str]:
    return f"{stored.identity.resource_id}/instar/rolloutPolicy", TYPE


async def _answer(services: Services, stored: StoredPolicy, place: tuple[str, str], status: int) -> Response:
    resource_id, kind = place
    body = {
        "id": resource_id,
        "name": "rolloutPolicy",
        "type": kind,
        "etag": _quoted(stored.etag),
        "systemData": {"lastModifiedBy": stored.changed_by, "lastModifiedAt": moment(stored.changed_at)},
        "properties": await _shown(services, stored, resource_id),
        "reason": stored.reason,
    }
    return JSONResponse(body, status_code=status, headers={"ETag": _quoted(stored.etag)})


async def _shown(services: Services, stored: StoredPolicy, path: str) -> Json:
    """Whole URLs are for whoever may change them: what stands behind a host may be as good as a password."""
    place = path if stored.unique_id != DEFAULT else OF_ALL
    may_change = services.caller.may(need_of("PUT", place))
    return policy_calls.shown(
        stored.policy, await policy_calls.places_of(services, stored.policy) if may_change else {}
    )


def _quoted(etag: str) -> str:
    return f'"{etag}"' if etag else ""
