"""Where an expression is evaluated: the deployment, its parameters and variables, the copy that is being made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from api.links.linked import Link, Links, nothing_fetched
from api.templates.budget import Budget
from api.templates.errors import TemplateError
from api.templates.expressions import Call, Index, Literal, Node, Property, is_expression, parse, plain
from api.templates.functions import deployment, resources, table
from api.templates.functions.lambdas import LAMBDAS, Lambda
from api.templates.functions.made_up import is_listing

Json = dict[str, Any]
LookUp = Callable[[str], Json | None]

EVER = datetime(1970, 1, 1, tzinfo=UTC)

DEPTH_AT_MOST = 64
"""Values in values, variables that name variables."""


@dataclass(frozen=True)
class Place:
    """Where a template is deployed to."""

    subscription_id: str
    resource_group: str
    location: str
    deployment: str
    made_in: str = ""
    """Id of the group that resources are made in, where a nested deployment names another than its own scope's."""
    deployer: str = "00000000-0000-0000-0000-000000000000"
    tenant_id: str = "00000000-0000-0000-0000-000000000000"
    now: datetime = EVER
    """When the deployment was begun."""
    base: str = ""
    """Where the template was fetched, or the one around it: what a `relativePath` follows."""
    base_query: str = ""
    """Its query string, which may be a secret."""
    is_linked: bool = False
    """Whether this very template was fetched: then `deployment()` says from where."""

    @property
    def group_id(self) -> str:
        """The ARM id of the resource group."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"

    @property
    def made_in_id(self) -> str:
        """The ARM id of the group that resources are made in."""
        return self.made_in or self.group_id

    @property
    def link(self) -> Link:
        """What links without a host follow."""
        return Link(self.base, self.base_query)


@dataclass(frozen=True)
class OwnFunction:
    """A function that a template brings along."""

    parameters: tuple[str, ...]
    value: Any


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
    links: Links = field(default_factory=lambda: Links(nothing_fetched), compare=False)
    """What its nested deployments link to."""
    functions: Mapping[str, "OwnFunction"] = field(default_factory=dict)
    """Those of the template itself, by `namespace.name` in lower case."""
    secure: frozenset[str] = frozenset()
    """Parameters, in lower case, whose values must not be kept or shown (docs/rules.md F5)."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """What the lambdas around were given."""
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
            value = self.evaluate_node(parse(text))
        except RecursionError:
            raise TemplateError(f"the template expression '{text[:80]}...' is nested too deep") from None
        if isinstance(value, Lambda):
            raise TemplateError("a lambda of the template stands where no function takes it")
        return value

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
        if self.depth > DEPTH_AT_MOST:
            raise TemplateError(f"the template nests values or variables deeper than {DEPTH_AT_MOST} levels")
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
        table.check_count("if", list(node.arguments), 3, 3)
        condition = self.evaluate_node(node.arguments[0])
        if not isinstance(condition, bool):
            raise TemplateError("the template function 'if' needs true or false")
        return self.evaluate_node(node.arguments[1 if condition else 2])

    def _call(self, node: Call) -> Any:
        if node.name in self.functions:
            return self._own(node)
        if node.name == "lambda":
            return self._lambda(node)
        arguments = [self.evaluate_node(argument) for argument in node.arguments]
        self.budget.spend()
        if node.name in LAMBDAS:
            return self.budget.measured(table.run(node.name, LAMBDAS[node.name], arguments))
        if any(isinstance(argument, Lambda) for argument in arguments):
            raise TemplateError(f"the template function '{node.name}' takes no lambda")
        if node.name in table.FUNCTIONS:
            return self.budget.measured(table.call(node.name, arguments))
        if is_listing(node.name):
            table.check_count(node.name, arguments, 1, 3)
            return self.budget.measured(resources.listing(self, node.name, *arguments))
        if node.name not in CONTEXTUAL:
            raise TemplateError(f"the template function '{node.name}' is not supported")
        least, most, run = CONTEXTUAL[node.name]
        table.check_count(node.name, arguments, least, most)
        return self.budget.measured(run(self, *arguments))

    def _own(self, node: Call) -> Any:
        """A function of the template itself: it knows its own parameters and nothing else."""
        member = self.functions[node.name]
        declared = member.parameters
        table.check_count(node.name, list(node.arguments), len(declared), len(declared))
        arguments = [self.evaluate_node(argument) for argument in node.arguments]
        inner = Scope(self.place, budget=self.budget, functions=self.functions, depth=self.depth + 1)
        return replace(inner, parameters=dict(zip(declared, arguments, strict=True))).evaluated(member.value)

    def _lambda(self, node: Call) -> Lambda:
        *names, body = node.arguments or (Literal(""),)
        words = [str(name.value) for name in names if isinstance(name, Literal)]
        if len(words) < len(names):
            raise TemplateError("a lambda of the template needs the names of its arguments, then what it gives")

        def run(*values: Any) -> Any:
            self.budget.spend()
            given = {**self.given, **dict(zip(words, values, strict=True))}
            value = replace(self, given=given, depth=self.depth + 1).evaluate_node(body)
            if isinstance(value, Lambda):
                raise TemplateError("a lambda of the template gives another lambda")
            return value

        return Lambda(run, len(words))


CONTEXTUAL: dict[str, tuple[int, int | None, Callable[..., Any]]] = {
    "parameters": (1, 1, deployment.parameters),
    "variables": (1, 1, deployment.variables),
    "lambdavariables": (1, 1, deployment.lambda_variables),
    "copyindex": (0, 2, deployment.copy_index),
    "resourcegroup": (0, 0, deployment.resource_group),
    "subscription": (0, 0, deployment.subscription),
    "tenant": (0, 0, deployment.tenant),
    "managementgroup": (0, 0, deployment.management_group),
    "deployment": (0, 0, deployment.deployment),
    "deployer": (0, 0, deployment.deployer),
    "environment": (0, 0, deployment.environment),
    "providers": (1, 2, deployment.providers),
    "utcnow": (0, 1, deployment.utc_now),
    "newguid": (0, 0, deployment.new_guid),
    "fail": (1, 1, deployment.fail),
    "resourceid": (2, None, resources.resource_id),
    "subscriptionresourceid": (2, None, resources.subscription_resource_id),
    "tenantresourceid": (2, None, resources.tenant_resource_id),
    "managementgroupresourceid": (2, None, resources.management_group_resource_id),
    "extensionresourceid": (3, None, resources.extension_resource_id),
    "reference": (1, 3, resources.reference),
    "references": (1, 2, resources.references),
    "pickzones": (3, 5, resources.pick_zones),
    "tologicalzone": (3, 3, resources.same_zones),
    "tologicalzones": (3, 3, resources.same_zones),
    "tophysicalzone": (3, 3, resources.same_zones),
    "tophysicalzones": (3, 3, resources.same_zones),
}
"""Name -> fewest and most arguments, and what is done."""


def is_supported(name: str) -> bool:
    """Whether a function, by its name in lower case, can be evaluated."""
    return name in table.FUNCTIONS or name in CONTEXTUAL or name in LAMBDAS or name == "lambda" or is_listing(name)


def is_late(name: str) -> bool:
    """Whether a function can be evaluated only when the resources that it names are there."""
    return name in ("reference", "references") or is_listing(name)


def _is_copy(key: str, value: Any) -> bool:
    return key.lower() == "copy" and isinstance(value, list)


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
