"""Deployments in a template: the template of each with what it knows, read when its turn comes."""

from dataclasses import dataclass, replace
from typing import Any

from api.templates.checks import has_inner_scope
from api.templates.errors import TemplateError
from api.templates.planned import Planned
from api.templates.scope import LookUp, Scope
from api.templates.secrets import reaches_listing, reaches_secure_parameter

Json = dict[str, Any]

_NOT_TAKEN = ("templatelink", "parameterslink", "onerrordeployment")


@dataclass(frozen=True)
class Nested:
    """What it takes to read a nested template: it, its parameters as a deployment gives them, and the turns around."""

    document: Json
    parameters: Json
    made_in: str
    """Id of the resource group that its resources are made in."""
    is_inner: bool
    copies: dict[str, int]
    secure: tuple[str, ...]
    """Parameters that were given a secret, whatever their type is."""


def nested_of(planned: Planned, outer: Json, look_up: LookUp | None) -> Nested:
    """A deployment in the template `outer`. Raises TemplateError that names what is not supported of it."""
    properties, scope = planned.nested or {}, planned.scope
    name = planned.names[-1]
    for key in _NOT_TAKEN:
        if properties.get(key):
            shown = {"templatelink": "templateLink", "parameterslink": "parametersLink"}.get(key, "onErrorDeployment")
            raise TemplateError(
                f"the nested deployment '{name}' has '{shown}', which is not supported: nothing is fetched from "
                "elsewhere; put its template and parameters into it"
            )
    if str(properties.get("mode", "Incremental")).lower() != "incremental":
        raise TemplateError(f"the mode of the nested deployment '{name}' must be Incremental")
    inner = properties.get("template")
    if not isinstance(inner, dict):
        raise TemplateError(f"the nested deployment '{name}' has no 'template'")
    scope.budget.measured(inner)  # each turn of a copy keeps one of its own
    told = replace(scope, look_up=look_up).evaluated(planned.body)
    _check_group(told)
    is_inner = has_inner_scope(properties)
    if is_inner:
        document, given = inner, told.get("parameters") or {}
        if not isinstance(given, dict):
            raise TemplateError(f"the parameters of the nested deployment '{name}' must be an object")
    else:
        of_outer = ("parameters", "variables", "functions", "definitions", "languageVersion")
        document = {key: outer[key] for key in of_outer if key in outer}
        document |= {key: inner[key] for key in ("$schema", "resources", "outputs", "languageVersion") if key in inner}
        given = {key: {"value": value} for key, value in scope.parameters.items()}
    return Nested(
        document=document,
        parameters=given,
        made_in=planned.resource_id.partition("/providers/")[0],
        is_inner=is_inner,
        copies={} if is_inner else dict(scope.copies),
        secure=_secure(planned, scope) if is_inner else tuple(scope.secure),
    )


def _check_group(told: Json) -> None:
    """Raises TemplateError for a deployment to anything but a resource group."""
    subscription, group = told.get("subscriptionid"), told.get("resourcegroup")
    if told.get("location") and group is None:
        raise TemplateError("a nested deployment with 'location' is for a subscription: only groups are deployed to")
    if subscription is None and group is None:
        return
    if not isinstance(group, str) or not group or "/" in group or not isinstance(subscription, str | None):
        raise TemplateError("a nested deployment needs the name of its 'resourceGroup'")


def _secure(planned: Planned, scope: Scope) -> tuple[str, ...]:
    given = planned.body.get("parameters")
    if not isinstance(given, dict):
        return ()
    return tuple(
        name.lower()
        for name, value in given.items()
        if reaches_secure_parameter(value, scope) or reaches_listing(value, scope)
    )
