"""The resources that a template makes: copies and children laid out one by one, each with its id."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from api.templates.errors import TemplateError
from api.templates.scope import LookUp, Scope

Json = dict[str, Any]

DEPLOYMENTS = "microsoft.resources/deployments"

SYMBOL = "$symbol"
"""Where a resource, once listed, holds its symbolic name."""

CONTROL = frozenset(
    (
        *("type", "name", "apiversion", "scope", "condition", "existing", "copy", "dependson", "resources"),
        *("comments", "metadata", SYMBOL),
    )
)
"""What a resource says to the deployment and not to its provider."""


@dataclass(frozen=True)
class Planned:
    """One resource to be made. `body` still holds its expressions: some can be evaluated only when its turn comes."""

    resource_id: str
    type: str
    api_version: str
    body: Json
    scope: Scope
    names: tuple[str, ...] = ()
    """One for each part of its type."""
    added_to: str = ""
    """Id of the resource that it is added to, like a role assignment; empty for one of its own."""
    nested: Json | None = None
    """Of a deployment in the template: its properties, with the template, as they are given."""
    depends_on: tuple[str, ...] = ()
    """Ids, names or copies, as the template says."""
    copy: str = ""
    """Name of the copy that it is of, lower case."""
    symbol: str = ""
    """What a template of language version 2.0 calls it, `name[3]` within a copy."""
    turn: int = 0
    """Which one of a copy it is."""
    batch_size: int = 0
    """How many of a serial copy are made at once; 0: of any other copy, all."""
    is_made: bool = True
    """False of one whose condition does not hold, and of one that is said to exist: it can be named all the same."""
    needs: tuple[str, ...] = ()
    """Ids, lower case, of those that must be there before it is made."""

    def document(self, look_up: LookUp) -> Json:
        """The body for a PUT. Raises TemplateError."""
        document = replace(self.scope, look_up=look_up).evaluated(self.body)
        return {**document, "name": self.resource_id.rpartition("/")[2]}


def listed(resources: Any) -> list[Any]:
    """The resources of a template: a list, or since language version 2.0 an object by symbolic names."""
    if isinstance(resources, dict):
        return [{**one, SYMBOL: name} if isinstance(one, dict) else one for name, one in resources.items()]
    return list(resources)


def expanded(resources: list[Any], scope: Scope, parent: Planned | None = None) -> Iterator[Planned]:
    """Each resource, children after their parents, those too that are not made. Raises TemplateError."""
    for resource in resources:
        if not isinstance(resource, dict):
            raise TemplateError("every resource of the template must be an object")
        entry = {key.lower(): value for key, value in resource.items()}
        for key in ("type", "name"):
            if not isinstance(entry.get(key), str):
                raise TemplateError(f"a resource of the template has no '{key}'")
        if (copy := entry.get("copy")) is None:
            yield from _turn(resource, entry, scope, parent, _Turn())
            continue
        if not isinstance(copy, dict) or not isinstance(copy.get("name"), str):
            raise TemplateError("the 'copy' of a resource needs 'name' and 'count'")
        name, count = copy["name"], scope.count(copy.get("count"), copy["name"])
        size = _batch_size(copy, scope)
        for index in range(max(count, 1)):
            turn = _Turn(name.lower(), index, size, is_made=count > 0)
            yield from _turn(resource, entry, scope.copying(name, index), parent, turn)


@dataclass(frozen=True)
class _Turn:
    """Which turn of which copy; a copy with count 0 is laid out once, so that others can name it."""

    copy: str = ""
    index: int = 0
    batch_size: int = 0
    is_made: bool = True


def _batch_size(copy: Mapping[str, Any], scope: Scope) -> int:
    """How many of a copy are made at once, 0 for all of them."""
    mode = str(copy.get("mode", "parallel")).lower()
    size = scope.evaluated(copy.get("batchSize", 1))
    if mode not in ("parallel", "serial") or not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise TemplateError(f"the copy '{copy['name']}' must be parallel, or serial with a batch size of at least 1")
    return size if mode == "serial" else 0


def _turn(resource: Json, entry: Json, scope: Scope, parent: Planned | None, turn: _Turn) -> Iterator[Planned]:
    """One turn of a copy, or the only one, with the children of the resource."""
    condition = scope.evaluated(entry.get("condition", True))
    existing = entry.get("existing", False)
    if not isinstance(condition, bool) or not isinstance(existing, bool):
        raise TemplateError(f"'condition' and 'existing' of resource '{entry['name']}' must be true or false")
    kind, names, added_to = _kind_and_names(entry, scope, parent)
    symbol = entry.get(SYMBOL, "")
    one = Planned(
        resource_id=_resource_id(kind, names, added_to or _made_in(kind, entry, scope)),
        type=kind,
        names=tuple(names),
        added_to=added_to,
        api_version=str(scope.evaluated(entry.get("apiversion") or "")),
        **_body(kind, resource),
        scope=scope,
        depends_on=_depends_on(entry, scope, parent),
        copy=turn.copy,
        symbol=f"{symbol}[{turn.index}]" if symbol and turn.copy else symbol,
        turn=turn.index,
        batch_size=turn.batch_size,
        is_made=turn.is_made and condition and not existing and (parent is None or parent.is_made),
    )
    yield one
    children = entry.get("resources") or []
    if not isinstance(children, list):
        raise TemplateError(f"'resources' of resource '{names[-1]}' must be a list")
    yield from expanded(children, scope, one)


def _body(kind: str, resource: Json) -> Json:
    """What its provider is told, and for a deployment apart from that its template: that has a scope of its own."""
    body = {key: value for key, value in resource.items() if key.lower() not in CONTROL}
    if kind.lower() != DEPLOYMENTS:
        return {"body": body}
    properties: Any = next((value for key, value in body.items() if key.lower() == "properties"), {})
    given = {key.lower(): value for key, value in properties.items()} if isinstance(properties, dict) else {}
    known = {"subscriptionid", "resourcegroup", "location", "tags"}
    told = {key.lower(): value for key, value in body.items() if key.lower() in known}
    links = {key: given[key] for key in ("templatelink", "parameterslink") if given.get(key)}
    return {"body": told | links | {"parameters": given.get("parameters") or {}}, "nested": given}


def _kind_and_names(entry: Json, scope: Scope, parent: Planned | None) -> tuple[str, list[str], str]:
    """The full type, a name for each part of it (a child may leave out those of its parent), what it is added to."""
    kind, name = str(scope.evaluated(entry["type"])), str(scope.evaluated(entry["name"]))
    if parent is not None and "." not in kind.partition("/")[0]:
        kind = f"{parent.type}/{kind}"
    names = name.split("/")
    if parent is not None and len(names) < kind.count("/"):
        names = [*parent.names, *names]
    if not kind.count("/") or kind.count("/") != len(names) or not all(names):
        raise TemplateError(f"the resource '{name}' of type '{kind}' must have a name for each part of its type")
    words = [word.lower() for word in kind.split("/")]
    if "providers" in words[2:-1]:  # the old way to write a scope: A/b/providers/c, called a/C/c
        at = words.index("providers", 2)
        types = kind.split("/")
        whose = _resource_id("/".join(types[:at]), names[: at - 1], scope.place.made_in_id)
        return "/".join([names[at - 1], *types[at + 1 :]]), names[at:], whose
    given = scope.evaluated(entry.get("scope") or "")
    if not isinstance(given, str):
        raise TemplateError(f"the 'scope' of resource '{name}' must be a string")
    if not given:
        return kind, names, "" if parent is None else parent.added_to
    return kind, names, given.rstrip("/") if given.startswith("/") else _of_group(given, scope)


def _made_in(kind: str, entry: Json, scope: Scope) -> str:
    """The group that a resource is made in: a nested deployment may name another one."""
    group = scope.evaluated(entry.get("resourcegroup")) if kind.lower() == DEPLOYMENTS else None
    if not isinstance(group, str) or not group:
        return scope.place.made_in_id
    subscription = scope.evaluated(entry.get("subscriptionid")) or scope.place.made_in_id.split("/")[2]
    return f"/subscriptions/{subscription}/resourceGroups/{group}"


def _of_group(word: str, scope: Scope) -> str:
    """The id of a resource that is called `Namespace/type/name`. Raises TemplateError."""
    namespace, *rest = word.split("/")
    if len(rest) < 2 or len(rest) % 2 or not all((namespace, *rest)):  # noqa: PLR2004  # a type and a name
        raise TemplateError(f"the scope '{word[:80]}' must be the id of a resource, or its type and name")
    return f"{scope.place.made_in_id}/providers/{word}"


def _resource_id(kind: str, names: list[str], whose: str) -> str:
    namespace, *types = kind.split("/")
    path = "".join(f"/{one}/{name}" for one, name in zip(types, names, strict=True))
    return f"{whose}/providers/{namespace}{path}"


def _depends_on(entry: Json, scope: Scope, parent: Planned | None) -> tuple[str, ...]:
    needs = entry.get("dependson") or []
    if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
        raise TemplateError(f"'dependsOn' of resource '{entry['name']}' must be a list of strings")
    said = tuple(str(scope.evaluated(need)) for need in needs)
    return said if parent is None else (*said, parent.resource_id)
