"""Who may do what: roles at scopes, as ARM names them.

A scope is a path: `/` (everything), a subscription, a resource group, a resource. A role at a scope holds for all
below it. A request needs one action at one scope; the decision says which role would have sufficed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a principal may do at a scope. Each may do what the one before it may."""

    READER = "Reader"
    CONTRIBUTOR = "Contributor"
    OWNER = "Owner"

    @property
    def rank(self) -> int:
        """Higher ones may do more."""
        return tuple(Role).index(self)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role at a scope."""

    role: Role
    scope: str


@dataclass(frozen=True, slots=True)
class Need:
    """What a request needs. `action` as ARM names it: `Microsoft.Compute/virtualMachineScaleSets/write`."""

    action: str
    scope: str
    role: Role
    within: bool = False
    """Any role below the scope will do: what everybody in a subscription may read."""


ROOT = "/"
_READS = ("GET", "HEAD", "OPTIONS")
_VERBS = {"PUT": "write", "PATCH": "write", "DELETE": "delete"}
_READ_BY_POST = frozenset({"/codec/decode", "/codec/encode"})
"""What changes nothing: a body is asked about. Temporal's page and command line encode each query."""

_READ_BY_POST_BELOW = ("/instar/rolloutpolicy/check", "/instar/plan", "/instar/rollback/plan")
"""The same of what is below something: what would be, without doing it. Whoever may read there may ask."""

_SHARED = ("publishers", "operations", "vmsizes")
"""What of a region everybody in a subscription may read; the rest is of single groups."""

_OFFERED = ["skus"]
"""Sizes, outside any region: likewise."""

_OVERVIEW: tuple[list[str], ...] = ([], ["locations"], ["providers"])
"""What of a subscription is shown to whoever has a role anywhere in it; besides its groups, each where one has it."""

_CATALOGUE = "publishers"
"""Platform images: there is one catalogue for all subscriptions, so it takes a role everywhere to change it."""

OWN = "Instar"
"""The namespace of routes that ARM does not have."""


_OF_SCOPES = ("holds", "webhooks", "limits", "scalesets")
"""Below `/instar`: what is for a scope that its document names. The route asks for the role there; whoever has one
nowhere is not let in."""


def reads(method: str, path: str) -> bool:
    """Whether a request changes nothing, by its method and its path.

    >>> reads("GET", "/subscriptions"), reads("POST", "/codec/decode"), reads("POST", "/subscriptions")
    (True, True, False)
    """
    asked = path.rstrip("/").lower()
    is_question = asked in _READ_BY_POST or asked.endswith(_READ_BY_POST_BELOW)
    return method.upper() in _READS or (method.upper() == "POST" and is_question)


def need_of(method: str, path: str) -> Need:
    """What a request needs, by its method and its path.

    >>> web = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    >>> need = need_of("POST", f"{web}/reimage")
    >>> need.action, need.scope == web, need.role.value
    ('Microsoft.Compute/virtualMachineScaleSets/reimage/action', True, 'Contributor')
    >>> need_of("GET", "/subscriptions/s/providers/Microsoft.Compute/locations/west/publishers").within
    True
    """
    parts = [part for part in path.split("/") if part]
    only_reads = reads(method, path)
    least = Role.READER if only_reads else Role.CONTRIBUTOR
    if not parts or parts[0].lower() != "subscriptions":
        name = "/".join([OWN, *parts[1:2]])
        of_scopes = [part.lower() for part in parts[:2]] in [["instar", one] for one in _OF_SCOPES]
        return Need(_action(name, method, ""), ROOT, least, within=of_scopes or (only_reads and len(parts) <= 1))
    scope_parts, provider = _split(parts)
    if not provider:
        named = parts[: len(parts) // 2 * 2]  # a list is read at what it is a list of
        action = _action(f"Microsoft.Resources/{'/'.join(parts[::2])}", method, "")
        return Need(action, "/" + "/".join(named), least, within=only_reads and _is_overview(parts[2:]))
    kinds, names, verb = provider[1::2], provider[2::2], ""
    if len(kinds) > len(names) and not only_reads and method.upper() not in _VERBS:
        verb = kinds.pop()  # POST …/web/reimage
    action = _action("/".join([provider[0], *kinds]), method, verb)
    here = "/" + "/".join(scope_parts)
    if kinds and kinds[0].lower() == "locations":
        shared = "/".join(kinds[1:2]).lower()
        if not only_reads and shared == _CATALOGUE:
            return Need(action, ROOT, least)
        return Need(action, here, least, within=only_reads and shared in _SHARED)
    named = [word for pair in zip(kinds, names, strict=False) for word in pair]
    below = ["providers", provider[0], *named] if named else []
    is_offered = [word.lower() for word in provider[1:]] == _OFFERED
    return Need(action, "/".join([here, *below]), least, within=only_reads and (not kinds or is_offered))


def _split(parts: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and behind `providers`: behind a subscription or a resource group. Elsewhere it is a name.

    >>> _split(["subscriptions", "s", "resourceGroups", "providers", "providers", "N", "sets", "web"])[1]
    ['N', 'sets', 'web']
    """
    at = 4 if [part.lower() for part in parts[2:3]] == ["resourcegroups"] else 2
    is_there = [part.lower() for part in parts[at : at + 1]] == ["providers"]
    return (parts[:at], parts[at + 1 :]) if is_there else (parts, [])


def _is_overview(below: list[str]) -> bool:
    """Whether a path below a subscription, outside all providers, is one that any role there lets read.

    >>> [_is_overview(one.split("/")) for one in ("resourceGroups", "resourceGroups/g", "resourceGroups/g/resources")]
    [True, True, False]
    """
    words = [part.lower() for part in below]
    return words in _OVERVIEW or (words[:1] == ["resourcegroups"] and len(words) <= len(("resourceGroups", "g")))


def _action(kind: str, method: str, verb: str) -> str:
    if verb:
        return f"{kind}/{verb}/action"
    return f"{kind}/{'read' if method.upper() in _READS else _VERBS.get(method.upper(), 'action')}"


def allowed(grants: Iterable[Grant], need: Need) -> bool:
    """Whether one of the grants suffices. Paths compare without regard to case.

    >>> reader = Grant(Role.READER, "/subscriptions/s/resourceGroups/g")
    >>> sets = "/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    >>> allowed([reader], need_of("GET", sets)), allowed([reader], need_of("PUT", sets))
    (True, False)
    """
    return any(
        grant.role.rank >= need.role.rank
        and (is_within(need.scope, grant.scope) or (need.within and is_within(grant.scope, need.scope)))
        for grant in grants
    )


def is_within(path: str, scope: str) -> bool:
    """Whether a path is a scope or below it.

    >>> is_within("/subscriptions/s/resourceGroups/g2", "/subscriptions/s/resourceGroups/g")
    False
    """
    inner, outer = path.rstrip("/").lower(), scope.rstrip("/").lower()
    return inner == outer or inner.startswith(f"{outer}/")
