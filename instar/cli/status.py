"""`instar status`: how a set stands, and what there is to do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from instar.client.api_client import ApiClient, ApiRefused
from instar.client.api_token import Login
from instar.client.sets.first_set import versions_path
from instar.client.sets.forecasts import forecast
from instar.client.sets.machines import counted, machines
from instar.client.sets.simulated import NOT_FOUND
from instar.client.watch import find
from instar.domain.images.images import ImageReference
from instar.domain.legible import legible_line

Json = dict[str, Any]


@dataclass(frozen=True)
class Ways:
    """How the person calls the set, and how a command of ours is called here."""

    name: str
    command: Callable[[str], str]


def status(ways: Ways, login: Login, subscription: str, resource_group: str, console: Console) -> None:
    """Print it. Raises Trouble if the API is away or has no such set."""
    with ApiClient(login) as api:
        resource_id = find(api, ways.name, subscription, resource_group)
        model = api.get(resource_id)
        told = api.get(f"{resource_id}/instar/automaticOSUpgrades")["properties"]
        facts = {"machines": counted(machines(api, resource_id))}
        if outlook := forecast(api, resource_id):
            facts["upgrade"] = outlook
        state = str(model["properties"]["provisioningState"])
        missing = missing_image(api, model) if state == "Failed" else ""
    if state != "Succeeded":
        facts["state"] = state
    for line in (*_in_columns(list(facts.items())), *lines(told), *advice(told, state, missing, ways)):
        console.print(legible_line(line), markup=False, soft_wrap=True)


def lines(told: Json) -> list[str]:
    """What the API told, a fact a line.

    >>> lines({"enabled": False, "quarantine": []})
    ['automatic upgrades   off']
    """
    facts = [("automatic upgrades", "on" if told["enabled"] else "off")]
    if told.get("held"):
        facts.append(("held", told["held"]))
    wishes = [told["paused"]] if "paused" in told else []
    facts += [("kept back", wish["sentence"]) for wish in (*wishes, *told.get("holds", ()))]
    if told.get("waitsFor"):
        facts += [("waits since", told["waitsSince"]), ("", told["waitsFor"])]
    look = told.get("lastLook")
    if told["enabled"] and not look and "firstTriggerAt" in told:
        facts.append(("first upgrade", f"not before {told['firstTriggerAt']}"))
    if look:
        facts += [("last look", look["at"]), ("", look["outcome"])]
    if "nextLookAt" in told:
        facts.append(("next look", told["nextLookAt"]))
    for entry in told["quarantine"]:
        if entry["wholeSet"]:
            facts.append(("quarantined", f"{entry['version']} since upgrade {entry['upgrade']}: {entry['reason']}"))
        if entry.get("instances"):
            facts.append(("not offered again", f"{entry['version']} to instances {entry['instances']}"))
    return _in_columns(facts)


def advice(told: Json, state: str, missing: str, ways: Ways, also: Sequence[str] = ()) -> list[str]:
    """What a person can do, a line each; none where all goes by itself. `missing`: why the set has no image.

    >>> advice({"enabled": True, "quarantine": []}, "Succeeded", "", Ways("web", str))
    []
    """
    found = []
    if missing:
        found.append(missing)
    elif state == "Failed":
        found.append("the last request about this set failed: send it again, its operation says why")
    if told.get("held"):
        found.append(f"{ways.command(f'reconcile {ways.name}')} shows what its machines know and its records do not")
    if told.get("approval"):
        found.append(f"{ways.command(f'approve {ways.name}')} lets its upgrade go on, reject ends it")
    if told.get("paused"):
        found.append(f"{ways.command(f'resume {ways.name}')} lets its upgrades go on")
    holds = [ways.command(f"release {hold['name']}") for hold in told.get("holds", ())]
    found += [f"{release} lets all go on that it holds" for release in holds]
    if quarantined := [entry["version"] for entry in told["quarantine"] if entry["wholeSet"]]:
        found.append("publish a newer version: that one is tried")
        found.append(f"{ways.command(f'lift {ways.name} {quarantined[0]}')} lets that version be tried again")
    found += also
    if not told["enabled"] and not found and state == "Succeeded":
        found += [
            f"{ways.command(f'upgrade {ways.name}')} starts an upgrade to the newest version by hand",
            f"{ways.command(f'automatic {ways.name} on')} lets upgrades begin by themselves",
        ]
    return _in_columns([("" if number else "what to do", line) for number, line in enumerate(found)])


def missing_image(api: ApiClient, model: Json) -> str:
    """What is said where the catalogue has no version of the set's image; "" where it has, or where it has no say."""
    profile = model["properties"].get("virtualMachineProfile") or {}
    given = (profile.get("storageProfile") or {}).get("imageReference") or {}
    image = ImageReference.model_validate(given)
    if image.id or not image.follows_latest:
        return ""
    try:
        offered = api.get(versions_path(model["id"].split("/")[2], model["location"], image))
    except ApiRefused as refusal:
        if refusal.status != NOT_FOUND:
            raise
        offered = []
    return "" if offered else image.not_published_in(model["location"])


def _in_columns(facts: list[tuple[str, str]]) -> list[str]:
    return [f"{name:<20} {fact}" for name, fact in facts]
