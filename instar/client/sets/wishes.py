"""What operators wish of upgrades, as a person asks for it: pause, resume, hold, release, approve, reject."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from instar.client.api_client import ApiClient
from instar.domain.images.images import version_key
from instar.errors import Nonsense

Json = dict[str, Any]

HOLDS = "/instar/holds"


def until(moment: str, hours: float | None, now: datetime) -> str:
    """The end of a wish as the API takes it; "" where it has none.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    >>> until("2026-12-01T06:00:00Z", None, noon), until("", 1.5, noon), until("", None, noon)
    ('2026-12-01T06:00:00Z', '2026-11-30T13:30:00+00:00', '')
    """
    return moment if hours is None else (now + timedelta(hours=hours)).isoformat()


def wish(reason: str, end: str, **more: str) -> Json:
    """The body that asks for it."""
    return {**more, "reason": reason, **({"until": end} if end else {})}


def pause(api: ApiClient, scale_set: str, reason: str, end: str) -> Json:
    """Pause a set; the pause as the API has it. Raises Trouble."""
    told: Json = api.send("POST", f"{scale_set}/instar/pause", wish(reason, end)).json()
    return told


def resume(api: ApiClient, scale_set: str) -> None:
    """Let a set go on. Raises Trouble."""
    api.send("POST", f"{scale_set}/instar/resume")


def hold(api: ApiClient, name: str, scope: str, reason: str, end: str) -> Json:
    """Hold what is at a scope; the hold as the API has it. Raises Trouble."""
    told: Json = api.send("PUT", f"{HOLDS}/{quote(name, safe='')}", wish(reason, end, scope=scope)).json()
    return told


def release(api: ApiClient, name: str) -> bool:
    """End a hold; whether there was one. Raises Trouble."""
    return api.send("DELETE", f"{HOLDS}/{quote(name, safe='')}").status_code == 200  # noqa: PLR2004  # HTTP's own number


def holds(api: ApiClient) -> list[Json]:
    """Every hold that the caller may see, by name. Raises Trouble."""
    return api.all(HOLDS)


def say_at_the_gate(api: ApiClient, scale_set: str, reason: str, *, approved: bool) -> None:
    """Approve, or reject, at the gate at which the running upgrade waits. Raises Trouble."""
    word = "approve" if approved else "reject"
    api.send("POST", f"{scale_set}/instar/{word}", {"reason": reason} if reason else {})


def lift(api: ApiClient, scale_set: str, version: str) -> None:
    """Lift the quarantine of a version. Raises Nonsense for what is none, Trouble where it is not quarantined."""
    try:
        version_key(version)
    except ValueError as error:
        raise Nonsense(str(error)) from None
    api.send("POST", f"{scale_set}/instar/automaticOSUpgrades/quarantine/{quote(version, safe='')}/lift")
