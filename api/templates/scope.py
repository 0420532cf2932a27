"""Where an expression is evaluated: the deployment, its parameters and variables, the copy that is being made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from api.templates import functions, values
from api.templates.budget import Budget
from api.templates.errors import TemplateError
from api.templates.expressions import Call, Index, Literal, Node, Property, is_expression, parse, plain

Json = dict[str, Any]
LookUp = Callable[[str], Json | None]

EVER = datetime(1970, 1, 1, tzinfo=UTC)

DEPTH_AT_MOST = 64
"""Values in values, variables that name variables."""

API_VERSIONS = ("2024-11-01", "2023-09-01")
"""What `providers(…).apiVersions` says of every type."""


@dataclass(frozen=True)
class Place:
    """Where a template is deployed to."""

    subscription_id: str
    resource_group: str
    location: str
    deployment: str
    tenant_id: str = "00000000-0000-0000-0000-000000000000"
    now: datetime = EVER
    """When the deployment was begun."""

    @property
    def group_id(self) -> str:
        """The ARM id of the resource group."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"


@dataclass(frozen=True)
class Scope:
    """Evaluates. `look_up` gives a resource by its id, None if there is none; without it, `reference` is refused."""

    place: Place
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    copies: Mapping[str, int] = field(default_factory=dict)
    """Index of each copy that is being made, by its name; the innermost last."""
    resources: Mapping[str, str] = field(default_factory=dict)
    """Id of each resource of the template by its name, lower case."""
    look_up: LookUp | None = None
    budget: Budget = field(default_factory=Budget, compare=False)
    is_default: bool = False
    """Inside the default of a parameter, the one place where the clock and chance may be asked."""
    depth: int = 0

    def evaluated(self, value: Any) -> Any:
        """A value of a template with all its expressions evaluated. Raises TemplateError."""
        self.budget.spend()
        if self.depth > DEPTH_AT_MOST:
            raise TemplateError(f"the template nests values or variables deeper than {DEPTH_AT_MOST} levels")
        if isinstance(value, str):
            return self._expression(value) if is_expression(value) else plain(value)
        inner = replace(self, depth=self.depth + 1)
        if isinstance(value, list):
            return [inner.evaluated(item) for item in value]
        if isinstance(value, dict):
            result = {key: inner.evaluated(item) for key, item in value.items() if not _is_copy(key, item)}
            for copy in next((item for key, item in value.items() if _is_copy(key, item)), ()):
                result |= inner.property_copy(copy)
            return result
        return value

    def _expression(self, text: str) -> Any:
        try:
            return self.evaluate_node(parse(text))
        except RecursionError:
            raise TemplateError(f"the template expression '{text[:80]}...' is nested too deep") from None

    def property_copy(self, copy: Any) -> Json:
        """`{"name", "count", "input"}`: an array made by evaluating `input` that often."""
        if not isinstance(copy, dict) or not isinstance(copy.get("name"), str) or "input" not in copy:
            raise TemplateError("a 'copy' of a property needs 'name', 'count' and 'input'")
        name = copy["name"]
        count = self.count(copy.get("count"), name)
        return {name: [self.copying(name, index).evaluated(copy["input"]) for index in range(count)]}

    def count(self, value: Any, name: str) -> int:
        """The count of a copy. Raises TemplateError unless it is a whole number up to 800, ARM's own limit."""
        count = self.evaluated(value)
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= 800:  # noqa: PLR2004  # ARM's
            raise TemplateError(f"the count of copy '{name}' must be a whole number from 0 to 800")
        return count

    def copying(self, name: str, index: int) -> "Scope":
        """The same inside one turn of a copy."""
        others = {key: at for key, at in self.copies.items() if key != name.lower()}
        return replace(self, copies=others | {name.lower(): index})

    def evaluate_node(self, node: Node) -> Any:
        """The value of a tree. Raises TemplateError."""
        match node:
            case Literal():
                return node.value
            case Property():
                return _member(self.evaluate_node(node.target), node.name)
            case Index():
                return _item(self.evaluate_node(node.target), self.evaluate_node(node.at))
            case Call(name="if"):
                return self._chosen(node)
            case Call():
                return self._call(node)

    def _chosen(self, node: Call) -> Any:
        """`if` evaluates the branch that it takes and no other."""
        functions.check_count("if", list(node.arguments), 3, 3)
        condition = self.evaluate_node(node.arguments[0])
        if not isinstance(condition, bool):
            raise TemplateError("the template function 'if' needs true or false")
        return self.evaluate_node(node.arguments[1 if condition else 2])

    def _call(self, node: Call) -> Any:
        arguments = [self.evaluate_node(argument) for argument in node.arguments]
        self.budget.spend()
        if node.name in functions.FUNCTIONS:
            return self.budget.measured(functions.call(node.name, arguments))
        if node.name not in CONTEXTUAL:
            raise unsupported(node.name)
        least, most, run = CONTEXTUAL[node.name]
        functions.check_count(node.name, arguments, least, most)
        return self.budget.measured(run(self, *arguments))

    # --- functions that look at the deployment -------------------------------------------------------------------

    def _parameters(self, name: Any) -> Any:
        return _named(self.parameters, name, "parameter")

    def _variables(self, name: Any) -> Any:
        value = _named(self.variables, name, "variable")
        return replace(self, depth=self.depth + 1, copies={}).evaluated(value)

    def _copy_index(self, *arguments: Any) -> int:
        name = next((argument for argument in arguments if isinstance(argument, str)), "")
        offset = next((argument for argument in arguments if isinstance(argument, int)), 0)
        index = self.copies.get(name.lower()) if name else next(reversed(tuple(self.copies.values())), None)
        if index is None:
            raise TemplateError("'copyIndex' is used outside the copy that it names")
        return index + offset

    def _resource_id(self, *arguments: Any) -> str:
        words = [values.text_of(argument) for argument in arguments]
        at = next((index for index, word in enumerate(words) if "/" in word), None)
        if at is None or len(words) - at - 1 != words[at].count("/"):
            raise TemplateError("'resourceId' needs a resource type and a name for each part of it")
        subscription, group = self.place.subscription_id, self.place.resource_group
        if at == 1:
            group = words[0]
        elif at > 1:
            subscription, group = words[0], words[1]
        namespace, *types = words[at].split("/")
        path = "".join(f"/{kind}/{name}" for kind, name in zip(types, words[at + 1 :], strict=True))
        return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{namespace}{path}"

    def _reference(self, resource: Any, _version: Any = "", full: Any = "") -> Any:
        named = values.text_of(resource)
        resource_id = named if named.startswith("/") else self.resources.get(named.lower(), "")
        if self.look_up is None:
            raise TemplateError("'reference' cannot be used here: nothing is deployed yet")
        found = self.look_up(resource_id) if resource_id else None
        if found is None:
            raise TemplateError(f"the resource '{named}' that 'reference' names does not exist", "ResourceNotFound")
        return found if str(full).lower() == "full" else found.get("properties") or {}

    def _resource_group(self) -> Json:
        place = self.place
        return {"id": place.group_id, "name": place.resource_group, "location": place.location, "tags": {}}

    def _subscription(self) -> Json:
        return {
            "id": f"/subscriptions/{self.place.subscription_id}",
            "subscriptionId": self.place.subscription_id,
            "tenantId": self.place.tenant_id,
        }

    def _deployment(self) -> Json:
        return {"name": self.place.deployment}

    def _utc_now(self, pattern: Any = "yyyyMMddTHHmmssZ") -> str:
        self._only_in_defaults("utcNow")
        if pattern not in _MOMENTS:
            raise TemplateError(f"the format '{str(pattern)[:40]}' of the template function 'utcNow' is not supported")
        return self.place.now.strftime(_MOMENTS[pattern])

    def _new_guid(self) -> str:
        self._only_in_defaults("newGuid")
        return str(uuid4())

    def _only_in_defaults(self, name: str) -> None:
        if not self.is_default:
            raise TemplateError(f"the template function '{name}' can be used in defaults of parameters only")

    def _providers(self, namespace: Any, kind: Any = "") -> Json:
        return {"resourceType": f"{namespace}/{kind}", "locations": [], "apiVersions": list(API_VERSIONS)}


_MOMENTS = {
    "yyyyMMddTHHmmssZ": "%Y%m%dT%H%M%SZ",
    "u": "%Y-%m-%d %H:%M:%SZ",
    "d": "%m/%d/%Y",
    "yyyy-MM-dd": "%Y-%m-%d",
    "yyyyMMdd": "%Y%m%d",
    "yyyyMMddHHmmss": "%Y%m%d%H%M%S",
    "yyyy-MM-ddTHH:mm:ssZ": "%Y-%m-%dT%H:%M:%SZ",
}
"""What `utcNow` can be asked for, and Python's words for it."""

CONTEXTUAL: dict[str, tuple[int, int | None, Callable[..., Any]]] = {
    "parameters": (1, 1, Scope._parameters),  # noqa: SLF001  # its own methods, by their names in templates
    "variables": (1, 1, Scope._variables),  # noqa: SLF001
    "copyindex": (0, 2, Scope._copy_index),  # noqa: SLF001
    "resourceid": (2, None, Scope._resource_id),  # noqa: SLF001
    "reference": (1, 3, Scope._reference),  # noqa: SLF001
    "resourcegroup": (0, 0, Scope._resource_group),  # noqa: SLF001
    "subscription": (0, 0, Scope._subscription),  # noqa: SLF001
    "deployment": (0, 0, Scope._deployment),  # noqa: SLF001
    "providers": (1, 2, Scope._providers),  # noqa: SLF001
    "utcnow": (0, 1, Scope._utc_now),  # noqa: SLF001
    "newguid": (0, 0, Scope._new_guid),  # noqa: SLF001
}
"""Name -> fewest and most arguments, and what is done."""


def unsupported(name: str) -> TemplateError:
    """A function that is not known here."""
    return TemplateError(f"the template function '{name}' is not supported")


def is_supported(name: str) -> bool:
    """Whether a function, by its name in lower case, can be evaluated."""
    return name in functions.FUNCTIONS or name in CONTEXTUAL


def _is_copy(key: str, value: Any) -> bool:
    return key.lower() == "copy" and isinstance(value, list)


def _named(values: Mapping[str, Any], name: Any, kind: str) -> Any:
    for key, value in values.items():
        if key.lower() == str(name).lower():
            return value
    raise TemplateError(f"the template has no {kind} '{name}'")


def _member(target: Any, name: str) -> Any:
    if isinstance(target, dict):
        for key, value in target.items():
            if key.lower() == name.lower():
                return value
    raise TemplateError(f"the template language property '{name}' does not exist")


def _item(target: Any, at: Any) -> Any:
    if isinstance(target, dict):
        return _member(target, str(at))
    if isinstance(target, list | str) and isinstance(at, int) and not isinstance(at, bool) and 0 <= at < len(target):
        return target[at]
    raise TemplateError(f"the template language index '{at}' does not exist")
