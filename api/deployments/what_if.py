"""What a deployment would do, told and not done: `az deployment group what-if`.

The template is read, checked and evaluated by the code that deploys it, and each resource goes through the code that
makes it, up to where that writes. What depends on something that is only made then is said to be so.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from api.deployments.deltas import Paths, delta_of, hidden_change, masked, masked_delta
from api.deployments.diagnostics import diagnostics_of
from api.deployments.foreseen import Foreseen, foreseen
from api.deployments.resource_types import document_of, looked_up
from api.services.dependencies import Services
from api.templates.errors import TemplateError
from api.templates.order import refers
from api.templates.planned import Planned
from api.templates.scope import Scope
from api.templates.secrets import secret_paths
from api.templates.template import Template
from api.wire.errors import ArmError, invalid
from api.wire.merge import READ_ONLY_PROPERTIES
from instar.domain.access import need_of
from instar.store.database.secret_places import without_secrets
from instar.store.deployments import TYPE as DEPLOYMENT

Json = dict[str, Any]

_NOT_COMPARED = ("etag", "uniqueId", "timeCreated")


class ResultFormat(StrEnum):
    """How much is said of each resource."""

    FULL = "FullResourcePayloads"
    IDS = "ResourceIdOnly"


def format_of(properties: Json) -> ResultFormat:
    """What `whatIfSettings.resultFormat` asks for, whole documents without it. Raises ArmError 400."""
    settings = properties.get("whatIfSettings") or {}
    given = settings.get("resultFormat") if isinstance(settings, dict) else settings
    if given is None:
        return ResultFormat.FULL
    for one in ResultFormat:
        if str(given).lower() == one.lower():
            return one
    known = ", ".join(ResultFormat)
    raise invalid(f"'whatIfSettings.resultFormat' must be one of {known}.", "whatIfSettings.resultFormat")


class _NotYetError(TemplateError):
    """Something is read of a resource that this very deployment makes or changes first."""


@dataclass
class WhatIf:
    """One answer, as it grows."""

    services: Services
    unsure: set[str] = field(default_factory=set)
    """Ids, lower case, of what would be other than it is now."""
    changes: list[Json] = field(default_factory=list)
    refused: list[Json] = field(default_factory=list)

    async def of(self, template: Template) -> None:
        """Tell what each resource of a template would become, in the order in which they are made."""
        inner = iter(template.inner)
        for planned in template.resources:
            if planned.nested is None:
                self.changes.append(await self._told(planned))
                continue
            self.unsure.add(planned.resource_id.lower())
            if refers(planned.body):
                self.changes.append(_unsupported(planned, "its template is read when its turn comes"))
            else:
                await self.of(next(inner))

    async def _told(self, planned: Planned) -> Json:
        """One change; what it makes of another resource is remembered for those after it."""
        change = await self._change(planned)
        if change["changeType"] != "NoChange":
            self.unsure.add(planned.resource_id.lower())
        return change

    async def _change(self, planned: Planned) -> Json:
        if not self.services.caller.may(need_of("GET", planned.resource_id)):
            return _unsupported(planned, "you may not read it")
        places = secret_paths(planned.body, planned.scope)
        try:
            document = await asyncio.to_thread(document_of, planned, self._look_up)
            found = await foreseen(self.services, planned, document)
        except _NotYetError:
            return await self._later(planned, places)
        except (TemplateError, ArmError) as error:
            waits = not self.unsure.isdisjoint(planned.needs)
            return await self._later(planned, places) if waits else self._refused(planned, error)
        return _foreseen(planned, document, found, places)

    def _refused(self, planned: Planned, error: TemplateError | ArmError) -> Json:
        message = error.message if isinstance(error, ArmError) else str(error)
        self.refused.append({"level": "Error", "code": error.code, "message": message, "target": planned.resource_id})
        return _unsupported(planned, f"it would be refused: {message}")

    async def _later(self, planned: Planned, places: Paths) -> Json:
        """What becomes known when others are made: that it is new, or that it is deployed again."""
        document = await asyncio.to_thread(_partly, planned.body, replace(planned.scope, look_up=self._look_up))
        there = await asyncio.to_thread(self._shown, planned.resource_id)
        if there is None:
            return _created(planned, document, places)
        return _change_of(planned, "Deploy", there, _as_sent(planned, document, places), None)

    def _look_up(self, resource_id: str) -> Json | None:
        word = resource_id.lower()
        for one in self.unsure:
            if word == one or word.startswith(f"{one}/") or one.startswith(f"{word}/"):
                raise _NotYetError(f"'{resource_id[:200]}' is made or changed by this deployment")
        return looked_up(self.services, resource_id)

    def _shown(self, resource_id: str) -> Json | None:
        return looked_up(self.services, resource_id)

    async def ignore_others(self, template: Template) -> None:
        """Tell of what is in the group and stays as it is."""
        place, store = template.scope.place, self.services.store
        sets = await asyncio.to_thread(store.scale_sets.list, place.subscription_id, place.resource_group)
        others = await asyncio.to_thread(store.resources.all_of, place.subscription_id, place.resource_group)
        told = {change["resourceId"].lower() for change in self.changes}
        ids = [one.identity.resource_id for one in sets]
        ids += [one.resource_id for one in others if "/providers/" in one.resource_id and one.type != DEPLOYMENT]
        for resource_id in sorted(ids, key=str.lower):
            if resource_id.lower() in told or not self.services.caller.may(need_of("GET", resource_id)):
                continue
            shown = await asyncio.to_thread(self._shown, resource_id)
            if shown is not None:
                self.changes.append(_entry(resource_id, "Ignore", shown, None, None))


async def what_if(services: Services, template: Template, result_format: ResultFormat) -> Json:
    """The answer. Nothing is written."""
    answer = WhatIf(services)
    await answer.of(template)
    await answer.ignore_others(template)
    changes = answer.changes
    if result_format is ResultFormat.IDS:
        kept = ("resourceId", "changeType", "unsupportedReason")
        changes = [{key: change[key] for key in kept if key in change} for change in changes]
    properties: Json = {"changes": changes, "potentialChanges": []}
    if diagnostics := [*diagnostics_of(template), *answer.refused]:
        properties["diagnostics"] = diagnostics
    return {"status": "Succeeded", "properties": properties}


def _created(planned: Planned, document: Json, places: Paths) -> Json:
    return _change_of(planned, "Create", None, _as_sent(planned, document, places), None)


def _foreseen(planned: Planned, document: Json, found: Foreseen, places: Paths) -> Json:
    if found.had is None:
        return _created(planned, document, places)
    if not found.changes:
        return _change_of(planned, "NoChange", found.before, masked(found.after, places), None)
    delta = masked_delta(delta_of(found.had or {}, found.would), places)
    delta += [hidden_change(place.strip("/").replace("/", ".")) for place in found.other_secrets]
    return _change_of(planned, "Modify", masked(found.before, places), masked(found.after, places), delta)


def _as_sent(planned: Planned, document: Json, places: Paths) -> Json:
    """A resource of the template, its expressions evaluated, no secret in it."""
    body = without_secrets(masked(document, places))
    own = {"id": planned.resource_id, "type": planned.type, "name": "/".join(planned.names)}
    result: Json = {"apiVersion": planned.api_version, **body, **own}
    return result


def _unsupported(planned: Planned, reason: str) -> Json:
    return _entry(planned.resource_id, "Unsupported", None, None, None) | {"unsupportedReason": reason}


def _change_of(planned: Planned, kind: str, before: Json | None, after: Json | None, delta: list[Json] | None) -> Json:
    return _entry(planned.resource_id, kind, before, after, delta)


def _entry(resource_id: str, kind: str, before: Json | None, after: Json | None, delta: list[Json] | None) -> Json:
    return {
        "resourceId": resource_id,
        "changeType": kind,
        "before": before and _settled(before),
        "after": after and _settled(after),
        "delta": delta,
    }


def _settled(body: Json) -> Json:
    """A body without what each write counts, and what nobody can set."""
    properties = body.get("properties")
    clean = {key: value for key, value in body.items() if key not in _NOT_COMPARED}
    if isinstance(properties, dict):
        clean["properties"] = {key: value for key, value in properties.items() if key not in READ_ONLY_PROPERTIES}
    return clean


def _partly(value: Any, scope: Scope) -> Any:
    """A value of a template with those expressions evaluated that can be; the others stay as they are written."""
    if isinstance(value, dict) and not any(key.lower() == "copy" for key in value):
        return dict(_members(value, scope))
    if isinstance(value, list):
        return [_partly(item, scope) for item in value]
    try:
        return scope.evaluated(value)
    except TemplateError:
        return value


def _members(value: Json, scope: Scope) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        yield key, _partly(inner, scope)
