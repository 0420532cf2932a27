"""Rollout policies as a person wants them: shown, stored, checked, tried, removed."""

from collections.abc import Mapping
from typing import Any

from instar.client.api_client import ApiClient
from instar.errors import Nonsense

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


def tried(api: ApiClient, path: str) -> Json:
    """Call each hook and judge of the policy in force there once; what they answer. Raises Trouble."""
    return dict(api.send("POST", f"{path}/test").json())


def all_say_yes(told: Json) -> bool:
    """Whether nothing in what was tried would keep an upgrade back, or ask again.

    >>> all_say_yes({"hooks": [{"outcome": "goesOn"}], "judges": [{"outcome": "no"}]})
    False
    """
    return all(one["outcome"] in YES for one in (*told["hooks"], *told["judges"]))


YES = ("goesOn", "yes")


def with_secrets(policy: Json, secrets: Mapping[str, str]) -> Json:
    """The policy with these secrets in its hooks and judges, by their names. Raises Nonsense for a name of none.

    >>> with_secrets({"hooks": [{"name": "drain"}]}, {"drain": "whsec_x"})
    {'hooks': [{'name': 'drain', 'secret': 'whsec_x'}]}
    """
    calls = {
        member: [one | ({"secret": secrets[one["name"]]} if one.get("name") in secrets else {}) for one in given]
        for member in ("hooks", "judges")
        if isinstance(given := policy.get(member), list) and all(isinstance(one, dict) for one in given)
    }
    names = [one.get("name") for given in calls.values() for one in given]
    for name in secrets:
        if name not in names:
            raise Nonsense(f"the policy has no hook and no judge '{name}' that a secret could be for")
    return policy | calls


def removed(api: ApiClient, path: str, reason: str) -> bool:
    """Remove it, and whether there was one. Raises Trouble."""
    return api.send("DELETE", path, reason=reason).status_code == _REMOVED
