"""What is offered to a visitor now: what the roles allow and what makes sense. A courtesy; the API decides."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import quote

from fastapi import Request

from api.page.access.visitor import Visitor
from api.page.asking import api_of
from api.page.steering import fleet_acts, keeping_acts, policy_acts, upgrade_acts
from api.page.steering.act import Act, Json, Subject
from instar.domain.access import Need, Role
from instar.domain.scopes import ROOT

OF_SETS = {act.name: act for act in (*upgrade_acts.ACTS, *keeping_acts.ACTS, *policy_acts.ACTS)}
OF_ALL = {act.name: act for act in (*fleet_acts.ACTS, *policy_acts.DEFAULT_ACTS)}
NAMED = frozenset(act.name for act in fleet_acts.ACTS)
"""Those of what has a name; the others are of the default rollout policy."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One act that is offered; `plans`: only what it would do."""

    act: Act
    plans: bool = False


async def of_set(request: Request, visitor: Visitor, subject: Subject) -> dict[str, list[Offer]]:
    """By group, in the order of the acts. What cannot be read just now is offered as if there were nothing."""
    paths = sorted({act.reads for act in OF_SETS.values() if act.reads})
    api = api_of(request, visitor)
    answers = await asyncio.gather(*(api.ask("GET", quote(subject.id) + path) for path in paths))
    more = {path: answer.body if answer.ok else {} for path, answer in zip(paths, answers, strict=True)}
    return _grouped((act, replace(subject, more=more.get(act.reads, {}))) for act in OF_SETS.values())


def holdable(subject: Subject) -> list[tuple[str, str]]:
    """The scopes around a set that the visitor may hold, from the nearest on: the scope and its name."""
    parts = subject.id.split("/")
    around = [
        (subject.id, f"this set, {subject.name}"),
        ("/".join(parts[:5]), f"its resource group, {parts[4]}"),
        ("/".join(parts[:3]), f"its subscription, {parts[2]}"),
        (ROOT, "everything"),
    ]
    return [one for one in around if subject.caller.may(Need("Instar/holds/write", one[0], Role.CONTRIBUTOR))]


def may_release(subject: Subject) -> list[Json]:
    """The holds that keep a set back and that the visitor may lift."""
    holds: list[Json] = subject.properties.get("holds") or []
    return [one for one in holds if subject.caller.may(Need("Instar/holds/delete", one["scope"], Role.CONTRIBUTOR))]


def of_each(empty: Subject, found: list[Json]) -> list[tuple[Json, list[Act]]]:
    """Holds, limits or rings, with what may be done to each."""
    return [
        (one, [act for act in OF_ALL.values() if _is_of(act, one) and act.may(_named(empty, one))]) for one in found
    ]


def _named(empty: Subject, one: Json) -> Subject:
    return replace(empty, id=one["id"], name=one["name"], body=one)


def _is_of(act: Act, one: Json) -> bool:
    return act.name in NAMED and one["id"].startswith(act.route[1].partition("{")[0])


def _grouped(found: Iterable[tuple[Act, Subject]]) -> dict[str, list[Offer]]:
    groups: dict[str, list[Offer]] = {}
    for act, subject in found:
        may = act.may(subject)
        if act.sense(subject) or not (may or act.readers_plan):
            continue
        groups.setdefault(act.group, []).append(Offer(act, plans=not may))
    return groups
