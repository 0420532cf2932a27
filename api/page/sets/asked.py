"""One set, as the API tells it: what is asked, and how often."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from api.page.asking import Answer, Api
from api.page.live.questions import Refused

Json = dict[str, Any]

WHILE_IT_RUNS = 3.0
"""Seconds between two looks at the machines while an upgrade runs."""
WHILE_IT_RESTS = 15.0
FORECAST_WITHIN = 0.2
"""Seconds that a look waits for a forecast, which takes long for a large set; the next look has it."""
LARGE = 2_000
"""Of a set of more machines the first look asks for nothing for which each is looked at once more (the forecast, the
versions that they came from): a page is not to wait for it, nor pay for it."""
NOT_FOUND = 404
DEFAULT_POLICY = "/instar/rolloutPolicy"


@dataclass(frozen=True)
class Told:
    """All that is known of a set. What could not be asked is empty, and named in `missing`."""

    overview: Json
    """As in the list of all sets."""
    upgrade: Json | None
    """Properties of the newest rolling upgrade, with its decisions."""
    machines: Json = field(default_factory=dict)
    """Properties of `…/instar/machines`."""
    forecast: Json = field(default_factory=dict)
    """Of an upgrade that runs (C6)."""
    came_from: tuple[str, ...] = ()
    """The versions that the newest upgrade takes machines from."""
    automatic: Json = field(default_factory=dict)
    rollout: Json | None = None
    """The rollout policy in force; {}: there is none; None: it is not known."""
    rollout_of: str = ""
    """Where that is kept: at the set, or as the default for all."""
    limits: tuple[Json, ...] = ()
    """Those of many sets that cover this one (W4)."""
    missing: tuple[str, ...] = ()
    """What the API did not tell, a sentence each."""

    @property
    def properties(self) -> Json:
        """Of the overview, with the health that the machines tell."""
        told: Json = self.overview["properties"]
        health = self.machines.get("health")
        return told | ({"health": health} if health and not self.machines.get("notObserved") else {})

    @property
    def runs(self) -> bool:
        """Whether an upgrade runs."""
        return self.upgrade is not None and "endTime" not in self.upgrade


class Asking:
    """Asks about one set again and again. What is written down is asked for each time, the machines less often."""

    def __init__(self, resource_id: str, *, default_is_told: bool) -> None:
        """`default_is_told`: whether the visitor may read the default rollout policy: else it is not asked for."""
        self._id = resource_id
        self._path = quote(resource_id)
        """A name may hold what ends a path."""
        self._default_is_told = default_is_told
        self._slow: Json = {}
        self._slow_at: float | None = None
        self._forecast: tuple[int, Json] = (0, {})
        """Of which upgrade, and what."""
        self._looking_ahead: asyncio.Task[None] | None = None

    async def told(self, api: Api) -> Told:
        """All that is known now. Raises Refused where the set itself is not told."""
        overview, upgrade = await asyncio.gather(
            self._overview(api), api.ask("GET", f"{self._path}/instar/upgrades/latest", params=_expand("decisions"))
        )
        if not upgrade.ok and upgrade.status != NOT_FOUND:
            raise Refused(upgrade)
        newest = upgrade.body["properties"] if upgrade.ok else None
        runs = newest is not None and "endTime" not in newest
        now = asyncio.get_running_loop().time()
        every = WHILE_IT_RUNS if runs else WHILE_IT_RESTS
        changed = self._slow.get("of") != (newest["number"] if newest else 0, runs)
        if self._slow_at is None or changed or now - self._slow_at >= every:
            is_first = self._slow_at is None
            self._slow = await self._asked(api)
            self._slow |= {"of": (newest["number"] if newest else 0, runs)}
            self._slow_at = asyncio.get_running_loop().time()
            large = self._slow["machines"].get("health", {}).get("all", 0) > LARGE
            if newest is not None and not (large and is_first):
                self._slow["came_from"] = await self._came_from(api, newest)
                if runs:
                    await self._look_ahead(api, newest["number"])
        number, forecast = self._forecast
        told = {name: one for name, one in self._slow.items() if name != "of"}
        if newest is not None and runs and number == newest["number"]:
            told["forecast"] = forecast
        return Told(overview, newest, **told)

    def close(self) -> None:
        """End what is under way."""
        if self._looking_ahead is not None:
            self._looking_ahead.cancel()
            self._looking_ahead = None

    async def _look_ahead(self, api: Api, number: int) -> None:
        """Ask for the forecast, beside the looks where it takes long."""
        if self._looking_ahead is None or self._looking_ahead.done():
            self._looking_ahead = asyncio.create_task(self._ask_forecast(api, number))
        await asyncio.wait({self._looking_ahead}, timeout=FORECAST_WITHIN)

    async def _ask_forecast(self, api: Api, number: int) -> None:
        told = await api.ask("GET", f"{self._path}/rollingUpgrades/latest", params=_expand("forecast"))
        # One of an hour ago would be a wrong one.
        self._forecast = (number, told.body["properties"].get("forecast", {}) if told.ok else {})

    async def _overview(self, api: Api) -> Json:
        """Raises Refused: the set is not there, or not for this visitor."""
        answer = await api.ask("GET", "/instar/scaleSets", params={"scope": self._id})
        if not answer.ok:
            raise Refused(answer)
        if not answer.body["value"]:
            # The list leaves out what there is not and what one may not see; the set itself says which it is.
            itself = await api.ask("GET", self._path)
            raise Refused(itself if not itself.ok else Answer(NOT_FOUND))
        overview: Json = answer.body["value"][0]
        return overview

    async def _asked(self, api: Api) -> Json:
        machines, automatic, own, limits = await asyncio.gather(
            api.ask("GET", f"{self._path}/instar/machines"),
            api.ask("GET", f"{self._path}/instar/automaticOSUpgrades"),
            api.ask("GET", f"{self._path}/instar/rolloutPolicy"),
            api.ask("GET", "/instar/limits"),
        )
        found: Json = {
            "machines": machines.body.get("properties", {}) if machines.ok else {},
            "automatic": automatic.body.get("properties", {}) if automatic.ok else {},
            "limits": tuple(_covering(limits.body.get("value", ()), self._id)) if limits.ok else (),
            "missing": tuple(
                f"{what}: {one.error}" for what, one in (("machines", machines), ("limits", limits)) if not one.ok
            ),
        }
        return found | await self._rollout(api, own)

    async def _came_from(self, api: Api, newest: Json) -> tuple[str, ...]:
        if newest.get("kind") == "modelChange":
            return ()
        told = await api.ask("GET", f"{self._path}/instar/upgrades/latest", params=_expand("from"))
        return tuple(told.body["properties"].get("from", ())) if told.ok else ()

    async def _rollout(self, api: Api, own: Answer) -> Json:
        """The set's own, else the default, else none."""
        if own.ok:
            return {"rollout": dict(own.body.get("properties", {})), "rollout_of": "this set's own"}
        if own.status != NOT_FOUND or not self._default_is_told:
            return {"rollout": None}
        default = await api.ask("GET", DEFAULT_POLICY)
        if default.ok:
            return {"rollout": dict(default.body.get("properties", {})), "rollout_of": "the default for all sets"}
        return {"rollout": {} if default.status == NOT_FOUND else None}


def _expand(what: str) -> dict[str, str]:
    return {"$expand": what}


def _covering(limits: Any, resource_id: str) -> list[Json]:
    whole = f"{resource_id.lower()}/"
    return [one for one in limits if whole.startswith(f"{one['properties']['scope'].lower().rstrip('/')}/")]
