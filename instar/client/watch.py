"""`instar watch`: follow the upgrade of one set until it ends."""

import math
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from rich.console import Console
from rich.live import Live
from rich.text import Text

from instar.client.api_client import ApiAway, ApiClient, ApiRefused
from instar.client.api_token import Login
from instar.client.ends import NothingToFollow
from instar.client.sets import overviews
from instar.client.sets.forecasts import Outlook
from instar.client.showing.picture import picture
from instar.client.showing.upgrade_view import UpgradeView, upgrade_view
from instar.client.showing.words import what_it_is
from instar.compute.clock import utc_now
from instar.domain.legible import legible_line
from instar.domain.records.upgrades import UpgradeStatus
from instar.errors import Trouble

DEFAULT_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
"""Nobody is billed: a subscription is a scope of roles and names, and this the one that examples use."""

LOOK_SECONDS = 0.5
AWAY_SECONDS = 30.0
"""How long the API may be away in the middle of an upgrade (it may be restarted) before we give up."""

NOT_FOUND = 404

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


def watch(  # noqa: PLR0917  # which set, and how it is asked
    name: str, login: Login, subscription: str, resource_group: str, console: Console, waiting: Waiting
) -> UpgradeStatus:
    """Find the set and follow it. Raises Trouble if the API is away or has no such set, and as `follow`."""
    with ApiClient(login) as api:
        return follow(api, find(api, name, subscription, resource_group), console, time.sleep, waiting).status


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
    screen: Screen = LiveScreen(name, console) if console.is_terminal else Lines(name, console)
    outlook = Outlook(api, resource_id)
    last_answer = time.monotonic()
    give_up_at = math.inf if waiting.timeout is None else last_answer + waiting.timeout
    with screen.context:
        while True:
            try:
                view = look(api, resource_id)
            except ApiAway as away:
                if time.monotonic() - last_answer > AWAY_SECONDS:
                    raise
                screen.say(f"the API is away, trying again: {away}")
            else:
                last_answer = time.monotonic()
                if view is None:
                    screen.say(_what_comes(api, resource_id, name, waiting))
                else:
                    if view.started_at != screen.started_at:
                        screen.begin(view.started_at, _what_it_is(api, resource_id))
                    running = console.is_terminal and not view.status.ended
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


@dataclass
class Screen(ABC):
    """Where an upgrade is shown."""

    name: str
    console: Console
    started_at: str = ""
    """When the upgrade that is shown began."""
    what: str = ""
    """What it is, in one line."""

    def begin(self, started_at: str, what: str) -> None:
        """From now on it is another upgrade."""
        self.started_at, self.what = started_at, what

    @property
    def context(self) -> AbstractContextManager[object]:
        """Open while something is shown."""
        return nullcontext()

    @abstractmethod
    def say(self, line: str) -> None:
        """Something beside the upgrade; said once."""

    @abstractmethod
    def show(self, view: UpgradeView) -> None:
        """A moment of the upgrade."""


class LiveScreen(Screen):
    """A picture that is drawn again in place."""

    def __init__(self, name: str, console: Console) -> None:
        super().__init__(name, console)
        self._live = Live(console=console, refresh_per_second=4)

    @property
    def context(self) -> AbstractContextManager[object]:
        return self._live

    def say(self, line: str) -> None:
        self._live.update(Text(legible_line(line)))

    def show(self, view: UpgradeView) -> None:
        # The last picture stays, so it need not fit the screen.
        height = None if view.status.ended else self.console.height
        beside = [line for line in (self.what, *view.pace(utc_now()), view.waits) if line]
        self._live.update(picture(self.name, view, height, beside), refresh=view.status.ended)


class Lines(Screen):
    """Lines for a file or a pipe: each decision once, and the counts when they change."""

    def __init__(self, name: str, console: Console) -> None:
        super().__init__(name, console)
        self._decisions = 0
        self._last_line = ""

    def say(self, line: str) -> None:
        if line != self._last_line:
            self._last_line = line
            self.console.print(legible_line(line), markup=False, highlight=False, soft_wrap=True)

    def begin(self, started_at: str, what: str) -> None:
        super().begin(started_at, what)
        self._decisions = 0
        if what:
            self.say(f"{self.name} {what}")

    def show(self, view: UpgradeView) -> None:
        for decision in view.decisions:
            if decision.sequence > self._decisions:
                self._decisions = decision.sequence
                self.say(decision.line)
        if view.status.ended:
            self.say(f"{self.name} {view.pace(utc_now())[0]}")
        self.say(f"{self.name} {'; '.join(filter(None, (view.headline, view.waits)))}")
        if view.status.ended and view.error:
            self.say(view.error)
