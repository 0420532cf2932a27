"""Rollout policies as a person wants them: shown, stored, checked, removed."""

from typing import Any

from instar.client.api_client import ApiClient

Json = dict[str, Any]

_REMOVED = 200
"""The status where there was one."""


def place(scale_set: str) -> str:
    """The path of a set's policy; of the default one for "".

    >>> place("")
    '/instar/rolloutPolicy'
    """
    return f"{scale_set}/instar/rolloutPolicy"


def shown(api: ApiClient, path: str) -> Json:
    """What is stored there. Raises Trouble, where nothing is too."""
    return dict(api.get(path))


def stored(api: ApiClient, path: str, policy: Json, reason: str) -> Json:
    """Store it there, as a whole. Raises Trouble with the API's reason."""
    return dict(api.send("PUT", path, {"properties": policy, "reason": reason}).json())


def checked(api: ApiClient, path: str, policy: Json | None) -> Json:
    """What it would mean there; None: what is in force. Raises Trouble with the API's reason."""
    body = None if policy is None else {"properties": policy}
    return dict(api.send("POST", f"{path}/check", body).json())


def removed(api: ApiClient, path: str, reason: str) -> bool:
    """Remove it, and whether there was one. Raises Trouble."""
    return api.send("DELETE", path, reason=reason).status_code == _REMOVED
