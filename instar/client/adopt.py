"""`instar adopt`: domains that are there already, as a scale set; nothing is restarted."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from instar.client.api_client import ApiClient, ApiRefused
from instar.client.api_token import Login
from instar.client.images import hypervisor
from instar.client.watch import NOT_FOUND
from instar.compute.errors import ComputeError
from instar.connection.computes import gates_of, libvirt_settings
from instar.connection.settings import Settings
from instar.domain.images.images import ImageReference
from instar.domain.legible import legible_line
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.errors import Trouble

OPERATION_SECONDS = 300.0


@dataclass(frozen=True)
class Wish:
    """What is asked for. path: the resource id of the scale set; model: its ARM document."""

    path: str
    model: Path
    pattern: str
    version: str
    os_disk: str = ""
    dry_run: bool = False


def adopt(wish: Wish, settings: Settings, login: Login, console: Console, pause: Any) -> int:
    """Show what matches, and unless it is a dry run or one of them is refused, adopt all; how many.

    First the set is made without machines, then the domains are reserved for it, then it is told how many there are:
    only then does it see them. Done again after it was broken off, it goes on. Raises Trouble; in doubt nothing is
    changed.
    """
    document = _document(wish)
    image = _image(document, wish)
    with hypervisor(settings) as (connection, _), ApiClient(login) as api:
        from instar.compute.libvirt import adoption  # noqa: PLC0415  # an extra

        known = libvirt_settings(settings)
        host = _host(settings)
        there = _existing(api, wish.path)
        if there and _machines(api, wish.path):
            raise Trouble(f"{wish.path} has machines of its own already: adopt into a new scale set")
        unique_id = str(there["properties"]["uniqueId"]) if there else ""
        candidates = adoption.survey(connection, host, wish.pattern, wish.os_disk, unique_id)
        if not candidates:
            raise Trouble(f"no domain of {known.uri} matches '{wish.pattern}'")
        console.print(table(candidates))
        refused = [candidate for candidate in candidates if candidate.refusals]
        if wish.dry_run:
            console.print(f"dry run: {len(candidates) - len(refused)} would be adopted, {len(refused)} refused")
            return 0
        if refused:
            raise Trouble(f"{len(refused)} of {len(candidates)} are refused, so none is adopted; see above")
        document["sku"] = {**document.get("sku", {}), "capacity": 0}
        document["properties"]["instar"] = {"adopted": True}
        api.finish(api.send("PUT", wish.path, document), pause, OPERATION_SECONDS)
        made = api.get(wish.path)
        scale_set = ScaleSetIdentity(
            resource_id=made["id"],
            name=made["name"],
            unique_id=made["properties"]["uniqueId"],
            location=made["location"],
        )
        try:
            adoption.reserve(connection, host, scale_set, candidates, image)
        except ComputeError as error:
            raise Trouble(str(error)) from None
        capacity = {"sku": {**document["sku"], "capacity": len(candidates)}}
        api.finish(api.send("PATCH", wish.path, capacity), pause, OPERATION_SECONDS)
    console.print(
        legible_line(f"adopted {len(candidates)} machines as {scale_set.name}; none was touched"), markup=False
    )
    return len(candidates)


def table(candidates: list[Any]) -> Table:
    """What was found of each."""
    shown = Table("machine", "OS disk", "data disks", "verdict")
    for candidate in candidates:
        data = ", ".join(f"{target} ({source})" for target, source in candidate.data_disks) or "none"
        os_disk = f"{candidate.os_target} ({candidate.os_disk}, {candidate.os_format})" if candidate.os_target else "?"
        words = (candidate.name, os_disk, data, "; ".join(candidate.refusals) or "can be adopted")
        # Text: what a domain or a disk is called is no markup.
        shown.add_row(*(Text(legible_line(word)) for word in words))
    return shown


def _host(settings: Settings) -> Any:
    from instar.compute.clock import utc_now  # noqa: PLC0415
    from instar.compute.libvirt.machines import Host  # noqa: PLC0415  # an extra

    return Host(libvirt_settings(settings), gates_of(settings), utc_now)


def _document(wish: Wish) -> dict[str, Any]:
    try:
        document = json.loads(wish.model.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Trouble(f"cannot read the model {wish.model}: {error}") from None
    if not isinstance(document, dict):
        raise Trouble(f"the model {wish.model} must be an object, as a PUT of a scale set has it")
    return document


def _image(document: dict[str, Any], wish: Wish) -> ImageReference:
    try:
        given = document["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]
        return ImageReference.model_validate(given).at(wish.version)
    except (KeyError, TypeError, ValueError):
        raise Trouble(f"the model {wish.model} names no imageReference") from None


def _existing(api: ApiClient, path: str) -> dict[str, Any] | None:
    try:
        there: dict[str, Any] = api.get(path)
    except ApiRefused as refusal:
        if refusal.status != NOT_FOUND:
            raise
        return None
    return there


def _machines(api: ApiClient, path: str) -> int:
    return len(api.all(f"{path}/virtualMachines"))
