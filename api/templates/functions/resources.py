"""Functions that name resources, or read what is there of them."""

from typing import TYPE_CHECKING, Any

from api.templates.errors import TemplateError
from api.templates.functions.made_up import made_up
from api.templates.functions.values import text_of

if TYPE_CHECKING:
    from api.templates.scope import Scope

ZONES = ("1", "2", "3")
"""Every region has these."""


def resource_id(scope: "Scope", *arguments: Any) -> str:
    """`[subscription,] [group,] type, name…`. A slash that the type ends with means nothing."""
    before, kind, names = _read("resourceId", arguments, most_before=2)
    place = scope.place
    group = before[-1] if before else place.resource_group
    subscription = before[0] if len(before) > 1 else place.subscription_id
    return f"/subscriptions/{subscription}/resourceGroups/{group}{_path(kind, names)}"


def subscription_resource_id(scope: "Scope", *arguments: Any) -> str:
    """`[subscription,] type, name…`: of what is in a subscription and in no group."""
    before, kind, names = _read("subscriptionResourceId", arguments, most_before=1)
    return f"/subscriptions/{before[0] if before else scope.place.subscription_id}{_path(kind, names)}"


def tenant_resource_id(_scope: "Scope", *arguments: Any) -> str:
    """`type, name…`: of what is in the tenant."""
    _, kind, names = _read("tenantResourceId", arguments, most_before=0)
    return _path(kind, names)


def management_group_resource_id(scope: "Scope", *arguments: Any) -> str:
    """`[group,] type, name…`: of what is in a management group."""
    before, kind, names = _read("managementGroupResourceId", arguments, most_before=1)
    group = before[0] if before else scope.place.tenant_id
    return f"/providers/Microsoft.Management/managementGroups/{group}{_path(kind, names)}"


def extension_resource_id(_scope: "Scope", whose: Any, *arguments: Any) -> str:
    """`resource, type, name…`: of what is added to a resource."""
    _, kind, names = _read("extensionResourceId", arguments, most_before=0)
    return f"{text_of(whose).rstrip('/')}{_path(kind, names)}"


def reference(scope: "Scope", resource: Any, _version: Any = "", full: Any = "") -> Any:
    """The properties of a resource, or with `Full` all of it."""
    found = _found(scope, "reference", resource)
    return found if str(full).lower() == "full" else found.get("properties") or {}


def references(scope: "Scope", symbol: Any, full: Any = "") -> list[Any]:
    """The same of every turn of a copy, by its symbolic name."""
    turns = [word for word in scope.resources if word.startswith(f"{str(symbol).lower()}[")]
    return [reference(scope, word, "", full) for word in turns]


def listing(scope: "Scope", name: str, resource: Any, _version: Any = "", _values: Any = None) -> Any:
    """What a `list…` of a resource gives: made up."""
    return made_up(name, str(_found(scope, name, resource).get("id", "")))


def pick_zones(_scope: "Scope", _namespace: Any, _kind: Any, _location: Any, count: Any = 1, offset: Any = 0) -> Any:
    """So many zones of a region."""
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in (count, offset))
    if not whole or not 0 <= offset <= offset + count <= len(ZONES):
        raise TemplateError(f"'pickZones' can give the {len(ZONES)} zones {', '.join(ZONES)} and no more")
    return list(ZONES[offset : offset + count])


def same_zones(_scope: "Scope", _subscription: Any, _location: Any, zones: Any) -> Any:
    """Logical zones of physical ones and the other way round: both are the same here."""
    return zones


def _found(scope: "Scope", function: str, resource: Any) -> dict[str, Any]:
    named = text_of(resource)
    of_symbol = scope.resources.get(named.lower(), "")
    wanted = of_symbol or _whole_id(scope, named)
    if scope.look_up is None:
        raise TemplateError(
            f"'{function}' cannot be used here: nothing is deployed yet. Use it in the body of a resource or in outputs"
        )
    found = scope.look_up(wanted) if wanted else None
    if found is None:
        shown = named[:200]
        raise TemplateError(f"the resource '{shown}' that '{function}' names does not exist", "ResourceNotFound")
    return found


def _whole_id(scope: "Scope", word: str) -> str:
    """The id that a resource is called by: whole, or in the group `Namespace/type/name`; else nothing."""
    if word.startswith("/"):
        return word
    namespace, *rest = word.split("/")
    is_named = "." in namespace and len(rest) > 1 and len(rest) % 2 == 0
    return f"{scope.place.made_in_id}/providers/{word}" if is_named else ""


def _read(function: str, arguments: tuple[Any, ...], most_before: int) -> tuple[list[str], str, list[str]]:
    """What stands before the type, the type, and its names. Raises TemplateError."""
    words = [text_of(argument) for argument in arguments]
    at = next((index for index, word in enumerate(words) if "/" in word), None)
    kind = "" if at is None else words[at].rstrip("/")
    if at is None or at > most_before or len(words) - at - 1 != kind.count("/") or "/" not in kind:
        raise TemplateError(f"'{function}' needs a resource type and a name for each part of it")
    return words[:at], kind, words[at + 1 :]


def _path(kind: str, names: list[str]) -> str:
    namespace, *types = kind.split("/")
    return f"/providers/{namespace}" + "".join(f"/{word}/{name}" for word, name in zip(types, names, strict=True))
