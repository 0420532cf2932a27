"""Upgrades of a set as a person wants them: one started by hand, one cancelled, automatic ones on or off."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from instar.client.api_client import ApiClient, ApiRefused
from instar.client.sets.simulated import NOT_FOUND
from instar.errors import Trouble

BEGIN_SECONDS = 60.0
"""How long an upgrade may take to begin after it was accepted; it takes part of a second unless Temporal is away."""

END_SECONDS = 600.0
"""How long what a cancelled upgrade has begun may take to come to its end; a real machine boots for minutes."""

REVERT_SECONDS = 24 * 3600.0
"""How long the machines of a cancelled upgrade may take to go back, batch by batch."""

LOOK_SECONDS = 0.2

Pause = Callable[[float], None]

UNKNOWN = "a worker, it seems: nothing says why, and the worker's log may"
"""What is waited for, where the operation does not say."""


def start(api: ApiClient, scale_set: str, pause: Pause, body: dict[str, Any] | None = None) -> httpx.Response:
    """Start an upgrade as it is wished; the answer to it, once it has begun. Raises Trouble with the API's reason."""
    before = latest_start(api, scale_set)
    accepted = api.send("POST", f"{scale_set}/instar/upgrade", body or {})
    until_begun(api, scale_set, accepted, before, pause)
    return accepted


def until_begun(api: ApiClient, scale_set: str, accepted: httpx.Response, before: str, pause: Pause) -> None:
    """Return once a start that was accepted has begun; `before`: when the newest upgrade began before it."""
    operation = accepted.headers["Azure-AsyncOperation"]
    give_up_at = time.monotonic() + BEGIN_SECONDS
    while latest_start(api, scale_set) == before:
        told = api.get(operation)
        if told["status"] == "Succeeded":
            return
        if told["status"] != "InProgress":
            raise Trouble(f"no upgrade was begun: {(told.get('error') or {}).get('message', told['status'])}")
        if time.monotonic() > give_up_at:
            waits = told.get("properties", {}).get("waitsFor", UNKNOWN)
            raise Trouble(f"the upgrade was accepted and has not begun after {BEGIN_SECONDS:g} s: it waits for {waits}")
        pause(LOOK_SECONDS)


def cancel(api: ApiClient, scale_set: str, pause: Pause, reason: str = "", *, revert: bool = False) -> None:
    """Cancel the upgrade that runs, and return once it has ended; with `revert` once its machines have gone back (C5).

    Raises Trouble, where none runs too.
    """
    body = {"reason": reason} if reason else {}
    accepted = api.send("POST", f"{scale_set}/instar/cancel", body | ({"revert": True} if revert else {}))
    api.finish(accepted, pause, REVERT_SECONDS if revert else END_SECONDS)


def set_automatic(api: ApiClient, scale_set: str, *, enabled: bool) -> None:
    """Let upgrades begin by themselves, or not. Raises Trouble with the API's reason."""
    policy = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": enabled}}
    api.send("PATCH", scale_set, {"properties": {"upgradePolicy": policy}})


def latest_start(api: ApiClient, scale_set: str) -> str:
    """When the newest upgrade began; "" where there was none."""
    try:
        latest: dict[str, Any] = api.get(f"{scale_set}/rollingUpgrades/latest")
    except ApiRefused as refusal:
        if refusal.status != NOT_FOUND:
            raise
        return ""
    return str(latest["properties"]["runningStatus"]["startTime"])
