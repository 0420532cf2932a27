"""Scopes as paths spell them: `/`, a subscription, a resource group, a resource."""

import re

ROOT = "/"

SUBSCRIPTION = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""Azure's are GUIDs; ours need not be."""

RESOURCE_GROUP = re.compile(r"[\w.()-]{1,90}")

_SCOPE = re.compile(
    rf"/subscriptions/{SUBSCRIPTION.pattern}"
    rf"(/resourceGroups/{RESOURCE_GROUP.pattern}(/providers/\w+(\.\w+)+(/[^/]+/[^/]+)+)?)?",
    re.IGNORECASE,
)

WANTED = "it is / for everything, /subscriptions/ID, /subscriptions/ID/resourceGroups/GROUP or the id of a resource"


def spelt(scope: str) -> str:
    """The scope without slashes too many. Raises ValueError for one that nothing can be within.

    >>> spelt("/subscriptions/s/"), spelt("/")
    ('/subscriptions/s', '/')
    """
    found = "/" + "/".join(part for part in scope.split("/") if part)
    if scope != ROOT and not (scope.startswith("/") and scope.isprintable() and _SCOPE.fullmatch(found)):
        raise ValueError(WANTED)
    return found
