"""Sets and upgrades at a glance, asked of the API."""

from typing import Any
from urllib.parse import quote, urlencode

from instar.client.api_client import ApiClient, ApiRefused
from instar.client.sets.simulated import NOT_FOUND
from instar.domain.records.upgrades import UpgradeKind

Json = dict[str, Any]

PAGE = 500
"""Sets asked for at once."""


def all_sets(api: ApiClient, scope: str = "/", *, versions: bool = True) -> list[Json]:
    """Every set at a scope that the caller may read, by resource id. Raises Trouble."""
    query = {"scope": scope, "$top": str(PAGE), **({"$expand": "versions"} if versions else {})}
    return api.all(f"/instar/scaleSets?{urlencode(query)}")


def upgrades(api: ApiClient, scale_set: str, at_most: int | None) -> list[Json]:
    """What was done to a set's machines, newest first: so many rolling upgrades; None: everything. Raises Trouble."""
    path = f"{scale_set}/instar/upgrades"
    if at_most is None:
        return api.all(f"{path}?{urlencode({'kind': ','.join(UpgradeKind)})}")
    return list(api.get(path, _top=str(at_most))["value"])


def upgrade(api: ApiClient, scale_set: str, number: int | str, expand: str) -> Json | None:
    """One upgrade by its number, or `latest`; None where there is none. Raises Trouble."""
    try:
        return dict(api.get(f"{scale_set}/instar/upgrades/{quote(str(number), safe='')}", _expand=expand))
    except ApiRefused as refusal:
        if refusal.status != NOT_FOUND:
            raise
        return None


def forecast(api: ApiClient, scale_set: str) -> Json | None:
    """What the newest upgrade is expected to do, where it runs and the API tells. Raises Trouble."""
    try:
        latest = api.get(f"{scale_set}/rollingUpgrades/latest", _expand="forecast")
    except ApiRefused as refusal:
        if refusal.status != NOT_FOUND:
            raise
        return None
    told = latest["properties"].get("forecast")
    return dict(told) if isinstance(told, dict) else None
