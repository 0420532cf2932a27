"""Going back as a person asks for it: what could be gone back to, the rollback, how long disks are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from instar.client.api_client import ApiClient
from instar.client.sets import steering

Json = dict[str, Any]


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


@dataclass(frozen=True)
class Back:
    """What is wished of a rollback; what is left out: everybody, to what each had before."""

    version: str = ""
    instances: Sequence[str] = ()
    override: tuple[str, ...] = ()
    reason: str = ""

    @property
    def body(self) -> Json:
        """As the API takes it.

        >>> Back(version="1.2", override=("window",), reason="bad").body
        {'toVersion': '1.2', 'override': ['window'], 'reason': 'bad'}
        """
        body: Json = {"toVersion": self.version} if self.version else {}
        body |= {"instances": list(self.instances)} if self.instances else {}
        body |= {"override": list(self.override)} if self.override else {}
        return body | ({"reason": self.reason} if self.reason else {})


def roll_back(api: ApiClient, scale_set: str, wish: Back, pause: steering.Pause) -> httpx.Response:
    """Start a rollback; the answer to it, once it has begun. Raises Trouble with the reason."""
    before = steering.latest_start(api, scale_set)
    accepted = api.send("POST", f"{scale_set}/instar/rollback", wish.body)
    steering.until_begun(api, scale_set, accepted, before, pause)
    return accepted


def keep(api: ApiClient, scale_set: str, duration: str, end: str, reason: str) -> Json:
    """Say how long a set's previous disks are to be kept; the answer. Raises Trouble."""
    body: Json = {"reason": reason}
    body |= {"keepPreviousDisks": duration} if duration else {}
    body |= {"until": end} if end else {}
    told: Json = api.send("PUT", f"{scale_set}/instar/retention", body).json()
    return told


def kept(api: ApiClient, scale_set: str) -> Json:
    """How long a set's previous disks are kept. Raises Trouble."""
    return dict(api.get(f"{scale_set}/instar/retention"))


def keep_as_set(api: ApiClient, scale_set: str) -> None:
    """As long as the setting says again. Raises Trouble."""
    api.send("DELETE", f"{scale_set}/instar/retention")
