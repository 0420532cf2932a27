"""Hooks and judges of a rollout policy: where they are is checked and sealed, and never shown whole (G4, F5).

A secret is kept when it is not given again for the same name and URL; the URL of one may be given as it is shown.
"""

import asyncio
import logging
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from api.services.dependencies import Services
from api.wire.errors import invalid
from instar.domain.steering.outside.asked_calls import UNSEEN, AskedCalls
from instar.domain.steering.outside.hooks import AskedHook, Hook
from instar.domain.steering.outside.judges import AskedJudge, Judge, JudgeKind
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.outbound.allowed import Allowed, origin_of
from instar.outbound.errors import NotAllowed
from instar.outbound.signatures import Secret
from instar.store.errors import SealingError
from instar.store.webhooks.webhooks import Place

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_TOKEN = re.compile(r"[!-~]{0,8192}", re.ASCII)

MAKE_ONE = "make one and give it to the receiver too: echo whsec_$(openssl rand -base64 32)"


@dataclass(frozen=True)
class Sealed:
    """A policy whose hooks and judges name places, and the places that are to be written with it."""

    policy: RolloutPolicy
    places: dict[str, Place] = field(default_factory=dict)


async def places_of(services: Services, policy: RolloutPolicy | None) -> dict[str, Place]:
    """Where the hooks and judges of a policy are, by id; without those that no key opens any more."""
    found = {}
    called: tuple[Hook | Judge, ...] = (*policy.hooks, *policy.judges) if policy else ()
    for one in called:
        try:
            place = await asyncio.to_thread(services.store.places.get, one.place)
        except SealingError:
            _log.warning("where '%s' is cannot be opened with any key: it has to be given anew", one.name)
            place = None
        if place is not None:
            found[one.place] = place
    return found


def checked(calls: AskedCalls, allowed: Allowed) -> None:
    """Raises ArmError 400 for a URL that may not be called, a secret that is none. Nobody is called."""
    for target, one in _named(calls):
        if not one.url.endswith(UNSEEN):
            _origin(one.url, target, allowed)
        if one.secret:
            _secret(one, target)


def without_secret(calls: AskedCalls) -> list[str]:
    """What a check says of hooks and judges that are signed and come without their secret, a sentence each."""
    return [
        f"'{one.name}' is given without a secret: it must be stored here already, with the same URL"
        for _, one in _named(calls)
        if _signs(one) and not one.secret
    ]


def sealed(
    calls: AskedCalls, policy: RolloutPolicy, had: RolloutPolicy | None, places: Mapping[str, Place], allowed: Allowed
) -> Sealed:
    """The policy with these hooks and judges. `had`: the one in whose place it is stored; `places`: where its are.

    Raises ArmError 400 that names the member at fault.
    """
    fresh: dict[str, Place] = {}
    old_hooks = {(one.name, one.at): one for one in had.hooks} if had else {}
    old_judges = {one.name: one for one in had.judges} if had else {}
    hooks, judges = [], []
    for target, one in _named(calls):
        old: Hook | Judge | None
        old = old_hooks.get((one.name, one.at)) if isinstance(one, AskedHook) else old_judges.get(one.name)
        place_id, origin, place = _placed(one, old, places.get(old.place) if old else None, target, allowed)
        if places.get(place_id) != place:
            fresh[place_id] = place
        if isinstance(one, AskedHook):
            hooks.append(Hook.of(one, place_id, origin))
        else:
            judges.append(Judge.of(one, place_id, origin))
    return Sealed(policy.model_copy(update={"hooks": tuple(hooks), "judges": tuple(judges)}), fresh)


def shown(policy: RolloutPolicy, places: Mapping[str, Place]) -> Json:
    """A policy as it is shown. `places`: of whoever may change it; others see where URLs lead, and no more."""
    document = policy.document
    for member, calls in (("hooks", policy.hooks), ("judges", policy.judges)):
        if calls:
            document[member] = [_shown(one, places.get(one.place)) for one in calls]
    return document


def shown_unsealed(calls: AskedCalls, policy: RolloutPolicy) -> Json:
    """The same of what was only asked for."""
    document = policy.document
    for member, some in (("hooks", calls.hooks), ("judges", calls.judges)):
        if some:
            asked: Iterable[AskedHook | AskedJudge] = some
            document[member] = [one.model_dump(mode="json", by_alias=True, exclude={"secret"}) for one in asked]
    return document


def _shown(one: Hook | Judge, place: Place | None) -> Json:
    document = one.model_dump(mode="json", by_alias=True, exclude={"place", "origin"})
    return document | {"url": place.url if place else f"{one.origin}{UNSEEN}"}


def _named(calls: AskedCalls) -> list[tuple[str, AskedHook | AskedJudge]]:
    """Each with the path of its member."""
    hooks = [(f"properties.hooks[{number}]", one) for number, one in enumerate(calls.hooks)]
    return [*hooks, *((f"properties.judges[{number}]", one) for number, one in enumerate(calls.judges))]


def _placed(  # from what is asked to what is written
    one: AskedHook | AskedJudge, old: Hook | Judge | None, place: Place | None, target: str, allowed: Allowed
) -> tuple[str, str, Place]:
    url = one.url
    if place and old and url == f"{old.origin}{UNSEEN}":
        url = place.url
    origin = _origin(url, target, allowed)
    if place and old and place.url == url:
        return old.place, origin, Place(url, _secret(one, target) if one.secret else place.secret)
    return str(uuid.uuid4()), origin, Place(url, _secret(one, target))


def _origin(url: str, target: str, allowed: Allowed) -> str:
    if url.endswith(UNSEEN):
        why = f"'{target}.url' is a URL as it is shown, and of no hook or judge that is stored here: give it whole."
        raise invalid(why, f"{target}.url")
    try:
        return origin_of(allowed.checked(url))
    except NotAllowed as error:
        raise invalid(f"The value of '{target}.url' is not taken: {error}.", f"{target}.url") from None


def _secret(one: AskedHook | AskedJudge, target: str) -> str:
    target = f"{target}.secret"
    if not _signs(one):
        if not _TOKEN.fullmatch(one.secret):
            raise invalid(f"The value of '{target}' is no bearer token: up to 8192 printable ASCII characters.", target)
        return one.secret
    if not one.secret:
        raise invalid(
            f"'{target}' is needed, also where a URL is changed: calls are signed with it; {MAKE_ONE}.", target
        )
    try:
        Secret.of(one.secret)
    except ValueError as error:
        raise invalid(f"The value of '{target}' is not taken: {error}.", target) from None
    return one.secret


def _signs(one: AskedHook | AskedJudge) -> bool:
    """Of Prometheus the secret is a bearer token, and may be left out."""
    return not (isinstance(one, AskedJudge) and one.kind is JudgeKind.PROMETHEUS)
