"""The resources that a template makes: copies and children laid out one by one, each with its id."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from api.templates.errors import TemplateError
from api.templates.scope import LookUp, Scope

Json = dict[str, Any]

CONTROL = frozenset({"condition", "copy", "dependson", "resources", "comments", "apiversion", "type", "name", "scope"})
"""What a resource says to the deployment and not to its provider."""


@dataclass(frozen=True)
class Planned:
    """One resource to be made. `body` still holds its expressions: some can be evaluated only when its turn comes."""

    resource_id: str
    type: str
    api_version: str
    body: Json
    scope: Scope
    depends_on: tuple[str, ...] = ()
    """Ids, names or copies, as the template says."""
    copy: str = ""
    """Name of the copy that it is of, lower case."""

    @property
    def names(self) -> list[str]:
        """One name for each part of its type."""
        return self.resource_id.split("/providers/")[1].split("/")[2::2]

    def document(self, look_up: LookUp) -> Json:
        """The body for a PUT. Raises TemplateError."""
        document = replace(self.scope, look_up=look_up).evaluated(self.body)
        return {**document, "name": self.resource_id.rpartition("/")[2]}


def expanded(resources: list[Any], scope: Scope, parent: Planned | None = None) -> Iterator[Planned]:
    """Each resource that is to be made, children after their parents. Raises TemplateError."""
    for resource in resources:
        if not isinstance(resource, dict):
            raise TemplateError("every resource of the template must be an object")
        entry = {key.lower(): value for key, value in resource.items()}
        for key in ("type", "name"):
            if not isinstance(entry.get(key), str):
                raise TemplateError(f"a resource of the template has no '{key}'")
        copy = entry.get("copy")
        if copy is None:
            yield from _turn(resource, entry, scope, parent, "")
            continue
        if not isinstance(copy, dict) or not isinstance(copy.get("name"), str):
            raise TemplateError("the 'copy' of a resource needs 'name' and 'count'")
        for index in range(scope.count(copy.get("count"), copy["name"])):
            yield from _turn(resource, entry, scope.copying(copy["name"], index), parent, copy["name"].lower())


def _turn(resource: Json, entry: Json, scope: Scope, parent: Planned | None, copy: str) -> Iterator[Planned]:
    """One turn of a copy, or the only one, with the children of the resource."""
    condition = scope.evaluated(entry.get("condition", True))
    if not isinstance(condition, bool):
        raise TemplateError(f"the 'condition' of resource '{entry['name']}' must be true or false")
    if not condition:
        return
    kind, names = _kind_and_names(entry, scope, parent)
    body = {key: value for key, value in resource.items() if key.lower() not in CONTROL}
    one = Planned(
        resource_id=_resource_id(kind, names, scope),
        type=kind,
        api_version=str(scope.evaluated(entry.get("apiversion") or "")),
        body=body,
        scope=scope,
        depends_on=_depends_on(entry, scope, parent),
        copy=copy,
    )
    yield one
    children = entry.get("resources") or []
    if not isinstance(children, list):
        raise TemplateError(f"'resources' of resource '{names[-1]}' must be a list")
    yield from expanded(children, scope, one)


def _kind_and_names(entry: Json, scope: Scope, parent: Planned | None) -> tuple[str, list[str]]:
    """The full type, and a name for each part of it: a child may leave out those of its parent."""
    kind, name = str(scope.evaluated(entry["type"])), str(scope.evaluated(entry["name"]))
    if parent is not None and "/" not in kind:
        kind = f"{parent.type}/{kind}"
    names = name.split("/")
    if parent is not None and len(names) < kind.count("/"):
        names = [*parent.names, *names]
    if not kind.count("/") or kind.count("/") != len(names) or not all(names):
        raise TemplateError(f"the resource '{name}' of type '{kind}' must have a name for each part of its type")
    return kind, names


def _resource_id(kind: str, names: list[str], scope: Scope) -> str:
    namespace, *types = kind.split("/")
    path = "".join(f"/{one}/{name}" for one, name in zip(types, names, strict=True))
    return f"{scope.place.group_id}/providers/{namespace}{path}"


def _depends_on(entry: Json, scope: Scope, parent: Planned | None) -> tuple[str, ...]:
    needs = entry.get("dependson") or []
    if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
        raise TemplateError(f"'dependsOn' of resource '{entry['name']}' must be a list of strings")
    said = tuple(str(scope.evaluated(need)) for need in needs)
    return said if parent is None else (*said, parent.resource_id)
