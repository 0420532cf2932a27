"""`instar watch SET`: follow the upgrade of one set until it ends."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from rich.console import Console

from instar.client.api_client import ApiAway, ApiClient, ApiRefused
from instar.client.ends import NothingToFollow
from instar.client.sets import overviews
from instar.client.sets.forecasts import Outlook
from instar.client.showing.screens import LiveScreen, screen_for
from instar.client.showing.upgrade_view import UpgradeView, upgrade_view
from instar.client.showing.words import what_it_is
from instar.errors import Trouble

DEFAULT_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
"""Nobody is billed: a subscription is a scope of roles and names, and this the one that examples use."""

LOOK_SECONDS = 0.5
AWAY_SECONDS = 30.0
"""How long the API may be away in the middle of an upgrade (it may be restarted) before we give up."""

NOT_FOUND, SERVER_ERROR = 404, 500

_RESOURCE_ID = re.compile(
    r"/subscriptions/[^/?#%]+/resourceGroups/[^/?#%]+/providers/Microsoft\.Compute/virtualMachineScaleSets/[^/?#%]+",
    re.IGNORECASE,
)

Pause = Callable[[float], None]


@dataclass(frozen=True)
class Waiting:
    """How long an end is waited for, in seconds, None: for ever; and how a command of ours is called here."""

    timeout: float | None = None
    command: Callable[[str], str] = "instar {}".format
    until_parked: bool = False
    """Whether it is enough that the upgrade is parked."""
    patience: float = AWAY_SECONDS
    """Seconds for which the API may be away meanwhile; infinity: for ever."""


def find(api: ApiClient, name: str, subscription: str, resource_group: str = "") -> str:
    """The resource id of a set, given that or its name. Raises Trouble that says which sets there are."""
    if name.startswith("/"):
        if not (_RESOURCE_ID.fullmatch(name) and name.isprintable()):
            raise Trouble(f"'{name}' is no resource id of a scale set: /subscriptions/…/virtualMachineScaleSets/NAME")
        try:
            return str(api.get(name)["id"])
        except ApiRefused as refusal:
            if refusal.status != NOT_FOUND:
                raise
            raise Trouble(f"there is no scale set {name}") from None
    path = f"/subscriptions/{subscription}"
    if resource_group:
        path += f"/resourceGroups/{resource_group}"
    ids = [str(one["id"]) for one in api.all(f"{path}/providers/Microsoft.Compute/virtualMachineScaleSets")]
    matching = [resource_id for resource_id in ids if resource_id.rsplit("/", 1)[-1].lower() == name.lower()]
    if len(matching) == 1:
        return matching[0]
    if matching:
        groups = ", ".join(match.split("/")[4] for match in matching)
        raise Trouble(f"several scale sets are called '{name}', in the groups {groups}; add --resource-group GROUP")
    others = ", ".join(resource_id.rsplit("/", 1)[-1] for resource_id in ids[:10]) or "none"
    raise Trouble(f"there is no scale set '{name}' in {path}; it has: {others}")


def follow(
    api: ApiClient, resource_id: str, console: Console, pause: Pause, waiting: Waiting = Waiting()
) -> UpgradeView:
    """Show the latest upgrade until it has ended, waiting for the first; return its last moment.

    Raises Trouble when the time is over, and at once where none has run and none can begin by itself. Where it is
    enough that it is parked, that moment may be one of an upgrade that has not ended.
    """
    name = resource_id.rsplit("/", 1)[-1]
    screen = screen_for(name, console)
    outlook = Outlook(api, resource_id)
    last_answer = time.monotonic()
    give_up_at = math.inf if waiting.timeout is None else last_answer + waiting.timeout
    with screen.context:
        while True:
            try:
                view = look(api, resource_id)
                coming = _what_comes(api, resource_id, name, waiting) if view is None else ""
            except (ApiAway, ApiRefused) as away:
                if not is_away(away) or time.monotonic() - last_answer > waiting.patience:
                    raise
                screen.away(f"the API is away, trying again: {away}")
            else:
                last_answer = time.monotonic()
                screen.back("the API is back")
                if view is None:
                    screen.say(coming)
                else:
                    if view.started_at != screen.started_at:
                        screen.begin(view.started_at, _what_it_is(api, resource_id))
                    running = isinstance(screen, LiveScreen) and not view.status.ended
                    screen.show(replace(view, forecast=outlook.sentence()) if running else view)
                    if view.status.ended or (waiting.until_parked and view.parked):
                        return view
            if time.monotonic() >= give_up_at:
                raise Trouble(f"no upgrade of {name} has ended within {waiting.timeout:g} s")
            pause(LOOK_SECONDS)


def _what_comes(api: ApiClient, resource_id: str, name: str, waiting: Waiting) -> str:
    """What is waited for where no upgrade has run yet. Raises Trouble where nothing will come."""
    if api.get(resource_id).get("properties", {}).get("provisioningState") == "Failed":
        why = waiting.command(f"status {name}")
        failed = f"no upgrade of {name} has run, and the last request about it failed: {why} says what to do"
        raise NothingToFollow(failed)
    told = api.get(f"{resource_id}/instar/automaticOSUpgrades")["properties"]
    if not told["enabled"]:
        none = (
            f"no upgrade of {name} has run, and automatic upgrades are off: {waiting.command(f'upgrade {name}')} "
            f"starts one by hand, {waiting.command(f'automatic {name} on')} lets them begin by themselves"
        )
        if waiting.timeout is None:
            raise NothingToFollow(none)
        return none
    when = f"not before {told['firstTriggerAt']}" if "firstTriggerAt" in told else "once the set has looked"
    if "lastLook" in told:
        when = f"the last look came to: {told['lastLook']['outcome']}; the next one is at {told.get('nextLookAt', '…')}"
    return f"no upgrade of {name} yet, waiting for the first: {when}"


def _what_it_is(api: ApiClient, resource_id: str) -> str:
    """Which upgrade, who began it, where to and where from; "" where the API does not say."""
    try:
        found = overviews.upgrade(api, resource_id, "latest", "from")
    except (ApiAway, ApiRefused):
        return ""
    if found is None:
        return ""
    return what_it_is(found["properties"])


def is_away(error: ApiAway | ApiRefused) -> bool:
    """Whether to ask again helps: nothing answers, or what answers cannot do so yet (it starts, its store is away)."""
    return isinstance(error, ApiAway) or error.status >= SERVER_ERROR


def look(api: ApiClient, resource_id: str) -> UpgradeView | None:
    """The latest upgrade now; None before the first. Raises Trouble if the set is gone."""
    try:
        return upgrade_view(api.get(f"{resource_id}/rollingUpgrades/latest", _expand="decisions,instances"))
    except ApiRefused as refusal:
        if refusal.status != NOT_FOUND:
            raise
    try:
        api.get(resource_id)
    except ApiRefused as refusal:
        if refusal.status == NOT_FOUND:
            raise Trouble(f"the scale set {resource_id} is gone") from None
        raise
    return None
