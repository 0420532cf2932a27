"""A template, read: which resources it makes, in which order, and what it gives back.

Everything that can be wrong without anything being deployed is found here, by name: unknown functions and resource
types, parameters, copies, dependencies.
"""

import string
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from api.templates import parameters
from api.templates.errors import TemplateError
from api.templates.expressions import Literal, calls_in
from api.templates.order import ordered, refers
from api.templates.planned import Planned, expanded, listed
from api.templates.scope import LookUp, Place, Scope, is_supported, unsupported

Json = dict[str, Any]

LANGUAGES = ("1.0", "1.10-experimental", "1.9-experimental", "2.0")
OTHER_SCOPES = ("subscription", "managementgroup", "tenant")


@dataclass(frozen=True)
class Template:
    """A checked template in its place, ready to be deployed."""

    scope: Scope
    resources: tuple[Planned, ...]
    """In an order in which each comes after those that it depends on."""
    outputs: Json
    shown_parameters: Json
    """What may be shown of the parameters: types, and values but for secure ones."""

    def results(self, look_up: LookUp) -> Json:
        """The outputs, evaluated when all is deployed."""
        scope = replace(self.scope, look_up=look_up)
        shown = {}
        for name, output in self.outputs.items():
            if scope.evaluated(output.get("condition", True)):
                kind = str(output.get("type", "string"))
                secret = kind.lower() in parameters.SECURE
                shown[as_shown(name)] = {"type": kind} | ({} if secret else {"value": _value(output, name, scope)})
        return shown


def _value(output: Json, name: str, scope: Scope) -> Any:
    """What an output says: its value, or with a copy as many as that asks for."""
    copy = output.get("copy")
    if copy is None:
        return scope.evaluated(output.get("value"))
    if not isinstance(copy, dict) or "input" not in copy:
        raise TemplateError(f"the 'copy' of output '{name}' needs 'count' and 'input'")
    return scope.property_copy({**copy, "name": copy.get("name") or name})[copy.get("name") or name]


def as_shown(name: str) -> str:
    """An output's name in answers: capitals that it begins with are small there, and `az` relies on it.

    >>> [as_shown(name) for name in ("VMSS", "VMSSName", "Set", "mySet", "S")]
    ['vmss', 'vmssName', 'set', 'mySet', 's']
    """
    capitals = len(name) - len(name.lstrip(string.ascii_uppercase))
    small = capitals if capitals in (0, 1, len(name)) else capitals - 1
    return name[:small].lower() + name[small:]


def read_template(
    document: Json,
    given: Mapping[str, Any],
    place: Place,
    types: Collection[str],
    refused: Mapping[str, str] | None = None,
    *,
    at_most: int | None = None,
) -> Template:
    """Check a template and lay out what it makes.

    `types` are the resource types that can be made, `refused` says why some, by their names in lower case, cannot.
    `at_most` is how many resources it may make; None where that was asked before.

    Raises TemplateError that names what is wrong.
    """
    _check_shape(document)
    refused, known = refused or {}, {type_name.lower() for type_name in types}
    declared = document.get("parameters") or {}
    scope = Scope(place)
    scope = replace(scope, parameters=parameters.resolved(declared, given, scope))
    scope = replace(scope, variables=_variables(document.get("variables") or {}, scope))
    within = None if at_most is None else at_most + 1
    laid_out = list(islice(expanded(listed(document.get("resources") or []), scope), within))
    if at_most is not None and len(laid_out) > at_most:
        raise TemplateError(
            f"the template makes more than {at_most} resources: make several of it, or let the operator of the API "
            "raise its setting INSTAR_QUOTAS__TEMPLATE_RESOURCES"
        )
    for resource in laid_out:
        if resource.is_made and resource.type.lower() not in known:
            why = refused.get(resource.type.lower(), "")
            raise TemplateError(
                f"the resource type '{resource.type}' is not supported{why and f': {why}'}", "InvalidResourceType"
            )
    names = {
        word.lower(): resource.resource_id
        for resource in laid_out
        for word in (resource.names[-1], resource.symbol)
        if word
    }
    planned = tuple(replace(resource, scope=replace(resource.scope, resources=names)) for resource in ordered(laid_out))
    for resource in planned:
        if not refers(resource.body):
            resource.document(lambda _: None)
    secure = parameters.secure_names(declared)
    outputs = document.get("outputs") or {}
    for name, output in outputs.items():
        if str(output.get("type")).lower() not in parameters.SECURE:
            _refuse_secret(name, output, {one.lower() for one in secure}, scope)
    shown = {
        name: {"type": str(declared[name]["type"])} | ({} if name in secure else {"value": value})
        for name, value in scope.parameters.items()
    }
    return Template(replace(scope, resources=names), planned, outputs, shown)


def _refuse_secret(name: str, part: Any, secure: Collection[str], scope: Scope) -> None:
    """An output is kept and shown: it must not be made of a secret (F5), not by way of variables either."""
    waiting, seen = [part], set[str]()
    while waiting:
        for call in calls_in(waiting.pop()):
            word = call.arguments[0] if call.name in ("parameters", "variables") and call.arguments else None
            if word is None:
                continue
            called = str(word.value).lower() if isinstance(word, Literal) else ""
            if call.name == "variables" and (not called or called not in seen):
                seen.add(called)
                waiting += [value for key, value in scope.variables.items() if key.lower() == called or not called]
            elif call.name == "parameters" and (called in secure or (not called and secure)):
                raise TemplateError(f"the output '{name}' would show a secure parameter: its type must be secure, too")


def _check_shape(document: Json) -> None:
    for name in ("parameters", "variables", "outputs"):
        if not isinstance(_given(document, name, {}), dict):
            raise TemplateError(f"'{name}' of the template must be an object")
    _check_language(document)
    if document.get("functions"):
        raise TemplateError("user-defined functions ('functions') are not supported")
    if not all(isinstance(output, dict) for output in (document.get("outputs") or {}).values()):
        raise TemplateError("every output of the template must be an object with 'type' and 'value'")
    outputs, declared = document.get("outputs") or {}, document.get("parameters") or {}
    parts = (*declared.values(), *outputs.values(), *_all_resources(listed(document.get("resources") or [])))
    for part in (*(_said(one) for one in parts), document.get("variables")):
        for call in calls_in(part):
            if not is_supported(call.name):
                raise unsupported(call.name)


def _given(document: Json, name: str, otherwise: Any) -> Any:
    value = document.get(name)
    return otherwise if value is None else value


def _all_resources(resources: list[Any]) -> Iterator[Any]:
    for resource in resources:
        yield resource
        children = resource.get("resources") if isinstance(resource, dict) else None
        yield from _all_resources(children if isinstance(children, list) else [])


def _said(part: Any) -> Any:
    """A parameter, resource or output without what is said to its reader only, and without its children."""
    if not isinstance(part, dict):
        return part
    return {key: value for key, value in part.items() if key.lower() not in ("metadata", "comments", "resources")}


def _check_language(document: Json) -> None:
    """Raises TemplateError for a scope or language that is not this one."""
    schema = str(document.get("$schema", "")).lower()
    if other := next(
        (other_scope for other_scope in OTHER_SCOPES if f"/{other_scope}deploymenttemplate.json" in schema), ""
    ):
        raise TemplateError(f"the template is for a {other}: only templates for a resource group can be deployed")
    language = str(document.get("languageVersion", "1.0"))
    if language not in LANGUAGES:
        raise TemplateError(f"the template's languageVersion '{language[:40]}' is not supported")
    resources = _given(document, "resources", [])
    if not isinstance(resources, list) and not (isinstance(resources, dict) and language != "1.0"):
        raise TemplateError("'resources' of the template must be a list, or with languageVersion 2.0 an object")
    for name in ("imports", "extensions", "definitions"):
        if document.get(name):
            raise TemplateError(f"'{name}' of the template is not supported")


def _variables(declared: Json, scope: Scope) -> Json:
    values: Json = {key: value for key, value in declared.items() if key.lower() != "copy"}
    copies = next((value for key, value in declared.items() if key.lower() == "copy"), ())
    for copy in copies:
        values |= replace(scope, variables=values).property_copy(copy)
    return values
