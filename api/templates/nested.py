"""Deployments in a template: the template of each with what it knows, read when its turn comes."""

from dataclasses import dataclass, field, replace
from typing import Any

from api.links.errors import LinkError
from api.links.linked import Link, link_of
from api.templates.checks import has_inner_scope
from api.templates.errors import TemplateError
from api.templates.planned import Planned
from api.templates.scope import LookUp, Scope
from api.templates.secrets import is_secret

Json = dict[str, Any]

LINK = "InvalidContentLink"
"""ARM's code for what cannot be fetched."""


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
    link: Link = field(default_factory=Link)
    """Where its template was fetched; none for one that stands in the template around it."""


def nested_of(planned: Planned, outer: Json, look_up: LookUp | None) -> Nested:
    """A deployment in the template `outer`. Raises TemplateError that names what is not supported of it."""
    properties, scope = planned.nested or {}, planned.scope
    name = planned.names[-1]
    if properties.get("onerrordeployment"):
        raise TemplateError(f"the nested deployment '{name}' has 'onErrorDeployment', which is not supported")
    if str(properties.get("mode", "Incremental")).lower() != "incremental":
        raise TemplateError(f"the mode of the nested deployment '{name}' must be Incremental")
    told = replace(scope, look_up=look_up).evaluated(planned.body)
    _check_group(told)
    if told.get("templatelink"):
        return _linked(planned, told)
    inner = properties.get("template")
    if not isinstance(inner, dict):
        raise TemplateError(f"the nested deployment '{name}' has no 'template'")
    scope.budget.measured(inner)  # each turn of a copy keeps one of its own
    is_inner = has_inner_scope(properties)
    if is_inner:
        document, given = inner, _given(planned, told)
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


def _linked(planned: Planned, told: Json) -> Nested:
    """One whose template is fetched. It always has a scope of its own. Raises TemplateError."""
    scope, name = planned.scope, planned.names[-1]
    if (planned.nested or {}).get("template"):
        raise TemplateError(f"the nested deployment '{name}' has both 'template' and 'templateLink'")
    try:
        link = link_of(told["templatelink"], scope.place.link)
        document = scope.links.document(link, _version(told["templatelink"]))
    except LinkError as error:
        raise TemplateError(f"the 'templateLink' of the nested deployment '{name}': {error}", LINK) from None
    scope.budget.measured(document)
    return Nested(
        document=document,
        parameters=_given(planned, told),
        made_in=planned.resource_id.partition("/providers/")[0],
        is_inner=True,
        copies={},
        secure=_secure(planned, scope),
        link=link,
    )


def _given(planned: Planned, told: Json) -> Json:
    """The parameters that a deployment is given, in itself or by a link. Raises TemplateError."""
    name, scope = planned.names[-1], planned.scope
    given = told.get("parameters") or {}
    if not isinstance(given, dict):
        raise TemplateError(f"the parameters of the nested deployment '{name}' must be an object")
    if not told.get("parameterslink"):
        return given
    if given:
        raise TemplateError(f"the nested deployment '{name}' has both 'parameters' and 'parametersLink'")
    try:
        return linked_parameters(told["parameterslink"], scope)
    except LinkError as error:
        raise TemplateError(f"the 'parametersLink' of the nested deployment '{name}': {error}", LINK) from None


def linked_parameters(given: Any, scope: Scope) -> Json:
    """What a parameter file says. Raises LinkError."""
    document = scope.links.document(link_of(given, scope.place.link), _version(given))
    found = document.get("parameters", {})
    if not isinstance(found, dict):
        raise LinkError("its 'parameters' must be an object")
    scope.budget.measured(found)
    return found


def _version(link: Any) -> Any:
    return next((value for key, value in link.items() if key.lower() == "contentversion"), None)


def _check_group(told: Json) -> None:
    """Raises TemplateError for a deployment to anything but a resource group."""
    subscription, group = told.get("subscriptionid"), told.get("resourcegroup")
    if told.get("location") and group is None:
        raise TemplateError("a nested deployment with 'location' is for a subscription: name its 'resourceGroup'")
    if subscription is None and group is None:
        return
    if not isinstance(group, str) or not group or "/" in group or not isinstance(subscription, str | None):
        raise TemplateError("a nested deployment needs the name of its 'resourceGroup'")


def _secure(planned: Planned, scope: Scope) -> tuple[str, ...]:
    given = planned.body.get("parameters")
    if not isinstance(given, dict):
        return ()
    return tuple(name.lower() for name, value in given.items() if is_secret(value, scope))
