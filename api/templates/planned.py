"""The resources that a template makes: copies and children laid out one by one, each with its id."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from api.templates.errors import TemplateError
from api.templates.scope import LookUp, Scope

Json = dict[str, Any]

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

    @property
    def names(self) -> list[str]:
        """One name for each part of its type."""
        return self.resource_id.split("/providers/")[1].split("/")[2::2]

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
        if entry.get("scope"):
            raise TemplateError(f"the 'scope' of resource '{entry['name']}' is not supported")
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
        raise TemplateError(f"the copy '{copy['name']}' must be parallel, or serial with a batch size of 1 and more")
    return size if mode == "serial" else 0


def _turn(resource: Json, entry: Json, scope: Scope, parent: Planned | None, turn: _Turn) -> Iterator[Planned]:
    """One turn of a copy, or the only one, with the children of the resource."""
    condition = scope.evaluated(entry.get("condition", True))
    existing = entry.get("existing", False)
    if not isinstance(condition, bool) or not isinstance(existing, bool):
        raise TemplateError(f"'condition' and 'existing' of resource '{entry['name']}' must be true or false")
    kind, names = _kind_and_names(entry, scope, parent)
    symbol = entry.get(SYMBOL, "")
    one = Planned(
        resource_id=_resource_id(kind, names, scope),
        type=kind,
        api_version=str(scope.evaluated(entry.get("apiversion") or "")),
        body={key: value for key, value in resource.items() if key.lower() not in CONTROL},
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
