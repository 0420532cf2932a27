"""Going back as a person asks for it: what could be gone back to, the rollback, how long disks are kept."""

from typing import Any

from instar.client.api_client import ApiClient
from instar.client.sets import steering
from instar.domain.machines.instance_ids import InstanceIds
from instar.errors import Trouble

Json = dict[str, Any]

BACK_SECONDS = 24 * 3600.0
"""How long a rollback, or a cancel that goes back, is waited for."""


def shown(api: ApiClient, scale_set: str) -> Json:
    """What each instance could go back to. Raises Trouble."""
    properties: Json = api.get(f"{scale_set}/instar/rollback")["properties"]
    return properties


def lines(way: Json) -> list[str]:
    """The same for people: the set as a whole, then each instance."""
    told = [way["sentence"], f"previous disks are kept for {way['retention']['keepPreviousDisks']}"]
    if "sentence" in way["retention"]:
        told[1] = way["retention"]["sentence"]
    for one in way["instances"]:
        kept = ", ".join(
            f"{disk['version']} {'until ' + disk['until'] if 'until' in disk else disk['keptWhile']}"
            for disk in one["kept"]
        )
        told.append(f"{one['instanceId']}: on {one['version'] or 'no disk'}; kept: {kept or 'nothing'}")
    return told


def ids_of(text: str) -> list[str]:
    """Instance ids from what a person wrote. Raises Trouble.

    >>> ids_of("0-2,7")
    ['0', '1', '2', '7']
    """
    try:
        return list(InstanceIds(ranges=text))
    except ValueError:
        raise Trouble(f"'{text[:60]}' names no instances: write their ids in ascending order, as 0-3,7") from None


def roll_back(  # noqa: PLR0917  # what is wished
    api: ApiClient,
    scale_set: str,
    version: str,
    instances: list[str],
    reason: str,
    pause: steering.Pause,
    *,
    wait: bool,
) -> None:
    """Start a rollback; return once it has begun, or with `wait` once it has ended. Raises Trouble with the reason."""
    body: Json = {"reason": reason}
    body |= {"toVersion": version} if version else {}
    body |= {"instances": instances} if instances else {}
    before = steering.latest_start(api, scale_set)
    accepted = api.send("POST", f"{scale_set}/instar/rollback", body)
    if wait:
        api.finish(accepted, pause, BACK_SECONDS)
    else:
        steering.until_begun(api, scale_set, accepted, before, pause)


def keep(api: ApiClient, scale_set: str, duration: str, end: str, reason: str) -> str:
    """How long a set's previous disks are to be kept; the sentence that says so. Raises Trouble."""
    body: Json = {"reason": reason}
    body |= {"keepPreviousDisks": duration} if duration else {}
    body |= {"until": end} if end else {}
    told: Json = api.send("PUT", f"{scale_set}/instar/retention", body).json()
    return str(told["properties"]["sentence"])


def keep_as_set(api: ApiClient, scale_set: str) -> None:
    """As long as the setting says again. Raises Trouble."""
    api.send("DELETE", f"{scale_set}/instar/retention")
