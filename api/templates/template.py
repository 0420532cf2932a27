"""A template, read: which resources it makes, in which order, and what it gives back.

Everything that can be wrong without anything being deployed is found here, by name: unknown functions and resource
types, parameters, copies, dependencies.
"""

import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from api.templates import parameters
from api.templates.errors import TemplateError
from api.templates.expressions import calls_in
from api.templates.order import ordered, refers
from api.templates.planned import Planned, expanded
from api.templates.scope import LookUp, Place, Scope, is_supported, unsupported

Json = dict[str, Any]

RESOURCES_AT_MOST = 800
"""ARM's own limit."""


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
                shown[as_shown(name)] = {"type": kind} | (
                    {} if secret else {"value": scope.evaluated(output.get("value"))}
                )
        return shown


def as_shown(name: str) -> str:
    """An output's name in answers: capitals that it begins with are small there, and `az` relies on it.

    >>> [as_shown(name) for name in ("VMSS", "VMSSName", "Set", "mySet", "S")]
    ['vmss', 'vmssName', 'set', 'mySet', 's']
    """
    capitals = len(name) - len(name.lstrip(string.ascii_uppercase))
    small = capitals if capitals in (0, 1, len(name)) else capitals - 1
    return name[:small].lower() + name[small:]


def read_template(document: Json, given: Mapping[str, Any], place: Place, types: Collection[str]) -> Template:
    """Check a template and lay out what it makes; `types` are the resource types that can be made.

    Raises TemplateError that names what is wrong.
    """
    _check_shape(document)
    declared = document.get("parameters") or {}
    scope = Scope(place)
    scope = replace(scope, parameters=parameters.resolved(declared, given, scope))
    scope = replace(scope, variables=_variables(document.get("variables") or {}, scope))
    made = list(expanded(document.get("resources") or [], scope))
    if len(made) > RESOURCES_AT_MOST:
        raise TemplateError(f"the template makes more than {RESOURCES_AT_MOST} resources")
    known = {one.lower() for one in types}
    for one in made:
        if one.type.lower() not in known:
            raise TemplateError(f"the resource type '{one.type}' is not supported", "InvalidResourceType")
    names = {one.names[-1].lower(): one.resource_id for one in made}
    planned = tuple(replace(one, scope=replace(one.scope, resources=names)) for one in ordered(made))
    for one in planned:
        if not refers(one.body):
            one.document(lambda _: None)
    secure = parameters.secure_names(declared)
    shown = {
        name: {"type": str(declared[name]["type"])} | ({} if name in secure else {"value": value})
        for name, value in scope.parameters.items()
    }
    return Template(replace(scope, resources=names), planned, document.get("outputs") or {}, shown)


def _check_shape(document: Json) -> None:
    for name, kind in (("parameters", dict), ("variables", dict), ("resources", list), ("outputs", dict)):
        if not isinstance(document.get(name, kind()), kind):
            raise TemplateError(f"'{name}' of the template must be {'an object' if kind is dict else 'a list'}")
    if document.get("functions"):
        raise TemplateError("user-defined functions ('functions') are not supported")
    if not all(isinstance(output, dict) for output in (document.get("outputs") or {}).values()):
        raise TemplateError("every output of the template must be an object with 'type' and 'value'")
    for call in calls_in(document):
        if not is_supported(call.name):
            raise unsupported(call.name)


def _variables(declared: Json, scope: Scope) -> Json:
    values: Json = {key: value for key, value in declared.items() if key.lower() != "copy"}
    copies = next((value for key, value in declared.items() if key.lower() == "copy"), ())
    for copy in copies:
        values |= replace(scope, variables=values).property_copy(copy)
    return values
