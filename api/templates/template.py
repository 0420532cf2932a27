"""A template, read: which resources it makes, in which order, and what it gives back.

Everything that can be wrong without anything being deployed is found here, by name: unknown functions and resource
types, parameters, copies, dependencies; in nested templates too, unless what they are given is known only later.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from api.links.linked import Links
from api.templates import parameters
from api.templates.checks import check_shape, own_functions
from api.templates.errors import TemplateError
from api.templates.limits import DEPLOYMENTS_AT_MOST, Share
from api.templates.nested import Nested, nested_of
from api.templates.order import ordered, refers
from api.templates.planned import Planned, expanded, listed
from api.templates.scope import LookUp, Place, Scope
from api.templates.secrets import is_secret
from api.templates.types import Types, check_types

Json = dict[str, Any]


@dataclass(frozen=True)
class Template:
    """A checked template in its place, ready to be deployed."""

    scope: Scope
    document: Json
    resources: tuple[Planned, ...]
    """In an order in which each comes after those that it depends on."""
    outputs: Json
    shown_parameters: Json
    """What may be shown of the parameters: types, and values but for secure ones."""
    inner: tuple["Template", ...] = ()
    """The nested ones that could be read beforehand."""
    share: Share | None = None
    """What each of its nested deployments may ask for; None where it has none, or where that was asked before."""

    def results(self, look_up: LookUp) -> Json:
        """The outputs, evaluated when all is deployed. One that is made of a secret is shown without its value."""
        scope = replace(self.scope, look_up=look_up)
        shown = {}
        for name, output in self.outputs.items():
            if scope.evaluated(output.get("condition", True)):
                kind = str(output.get("type", "string"))
                secret = kind.lower() in parameters.SECURE or is_secret(output, scope)
                shown[as_shown(name)] = {"type": kind} | ({} if secret else {"value": _value(output, name, scope)})
        return shown

    def nested(self, planned: Planned, look_up: LookUp | None) -> Nested:
        """One of its deployments, with what it is given. Raises TemplateError."""
        return nested_of(planned, self.document, look_up)

    @property
    def hidden_outputs(self) -> list[str]:
        """The outputs that are shown without a value, though their own type is not secure."""
        kinds = {name: str(output.get("type", "string")).lower() for name, output in self.outputs.items()}
        return [
            name
            for name, output in self.outputs.items()
            if kinds[name] not in parameters.SECURE and is_secret(output, self.scope)
        ]

    @property
    def everything(self) -> list[Planned]:
        """Its resources and those of the templates in it, as far as they could be read."""
        return [*self.resources, *(resource for inner in self.inner for resource in inner.everything)]


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


def read_template(  # noqa: PLR0917  # a template, what it is given, and where it goes
    document: Json,
    given: Mapping[str, Any],
    place: Place,
    types: Types,
    around: Nested | None = None,
    share: Share | None = None,
    *,
    at_most: int | None = None,
    is_checked: bool = False,
    links: Links | None = None,
) -> Template:
    """Check a template and lay out what it makes.

    `at_most` is how many resources it may make, nested ones too; None where that was asked before. `around` is what a
    nested one has of the template around it, `share` what of its limits. `is_checked`: its shape was looked at before.
    `links`: what its nested ones link to; without it, nothing is fetched.

    Raises TemplateError that names what is wrong.
    """
    limits = share or Share(at_most)
    if not is_checked:
        check_shape(document)
    declared = parameters.with_definitions(document)
    scope = Scope(place, budget=limits.budget, functions=own_functions(document))
    scope = scope if links is None else replace(scope, links=links)
    known = around.secure if around else ()
    secure = frozenset(name.lower() for name in (*parameters.secure_names(declared), *known))
    values = parameters.resolved(declared, given, scope)
    scope = replace(scope, parameters=values, secure=secure, copies=around.copies if around else {})
    scope = replace(scope, variables=_variables(document.get("variables") or {}, scope))
    planned, names = _planned(document, scope, types, limits.resources)
    outputs = document.get("outputs") or {}
    shown = {
        name: {"type": str(declared[name]["type"])} | ({} if name.lower() in secure else {"value": value})
        for name, value in scope.parameters.items()
    }
    whole = Template(replace(scope, resources=names), document, planned, outputs, shown)
    return whole if limits.resources is None else _with_inner(whole, types, limits)


def _planned(
    document: Json, scope: Scope, types: Types, at_most: int | None
) -> tuple[tuple[Planned, ...], dict[str, str]]:
    """The resources that are made, in their order, and the id of each by its name."""
    within = None if at_most is None else at_most + 1
    laid_out = list(islice(expanded(listed(document.get("resources") or []), scope), within))
    if at_most is not None and len(laid_out) > at_most:
        raise TemplateError(
            f"the template makes more than {at_most} resources: make several of it, or let the operator of the API "
            "raise its setting INSTAR_QUOTAS__TEMPLATE_RESOURCES"
        )
    check_types([resource for resource in laid_out if resource.is_made], types)
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
    return planned, names


def _with_inner(template: Template, types: Types, limits: Share) -> Template:
    """The same with the nested templates that can be read now. Each may make its share of what is left."""
    deployments = [resource for resource in template.resources if resource.nested is not None]
    if not deployments:
        return template
    if len(deployments) > limits.deployments:
        raise TemplateError(f"the template has more than {DEPLOYMENTS_AT_MOST} nested deployments")
    share = limits.divided(len(template.resources), len(deployments))
    inner = []
    for resource in deployments:
        if refers(resource.body):
            continue
        nested = template.nested(resource, None)
        place = inner_place(template.scope.place, resource, nested)
        read = (nested.document, nested.parameters, place, types, nested, share)
        inner.append(read_template(*read, is_checked=not nested.link.uri, links=template.scope.links))
    return replace(template, inner=tuple(inner), share=share)


def inner_place(place: Place, resource: Planned, nested: Nested) -> Place:
    """Where a nested template is deployed to. With the scope around it, its functions see that one's group."""
    if not nested.is_inner:
        return replace(place, made_in=nested.made_in)
    _, _, subscription, _, group = nested.made_in.split("/")
    place = replace(place, subscription_id=subscription, resource_group=group, made_in="")
    place = replace(place, deployment=resource.names[-1], is_linked=bool(nested.link.uri))
    return replace(place, base=nested.link.uri, base_query=nested.link.query) if nested.link.uri else place


def _variables(declared: Json, scope: Scope) -> Json:
    values: Json = {key: value for key, value in declared.items() if key.lower() != "copy"}
    copies = next((value for key, value in declared.items() if key.lower() == "copy"), ())
    for copy in copies:
        values |= replace(scope, variables=values).property_copy(copy)
    return values
