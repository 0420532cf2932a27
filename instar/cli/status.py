"""`instar status`: where a set stands with its automatic upgrades."""

from typing import Any

from rich.console import Console
from rich.markup import escape

from instar.client.api_client import ApiClient
from instar.client.api_token import Login
from instar.client.watch import find
from instar.domain.legible import legible_line


def status(name: str, login: Login, subscription: str, resource_group: str, console: Console) -> None:
    """Print it. Raises Trouble if the API is away or has no such set."""
    with ApiClient(login) as api:
        resource_id = find(api, name, subscription, resource_group)
        told = api.get(f"{resource_id}/instar/automaticOSUpgrades")["properties"]
    for line in lines(told):
        console.print(escape(legible_line(line)), soft_wrap=True)


def lines(told: dict[str, Any]) -> list[str]:
    """What the API told, a fact a line.

    >>> lines({"enabled": False, "quarantine": []})
    ['automatic upgrades   off']
    """
    facts = [("automatic upgrades", "on" if told["enabled"] else "off")]
    if told.get("held"):
        facts.append(("held", told["held"]))
    if told.get("waitsFor"):
        facts += [("waits since", told["waitsSince"]), ("", told["waitsFor"])]
    look = told.get("lastLook")
    if told["enabled"] and not look and "firstTriggerAt" in told:
        facts.append(("first upgrade", f"not before {told['firstTriggerAt']}"))
    if look:
        facts += [("last look", look["at"]), ("", look["outcome"])]
    if "nextLookAt" in told:
        facts.append(("next look", told["nextLookAt"]))
    for one in told["quarantine"]:
        if one["wholeSet"]:
            facts.append(("quarantined", f"{one['version']} since upgrade {one['upgrade']}: {one['reason']}"))
        if one.get("instances"):
            facts.append(("not offered again", f"{one['version']} to instances {one['instances']}"))
    return [f"{name:<20} {fact}" for name, fact in facts]
