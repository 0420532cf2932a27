"""Many sets as a table that is readable at 80 columns: `instar list`."""

from typing import Any

from rich.table import Table
from rich.text import Text

from instar.client.showing.words import STYLES, moment, progressed
from instar.domain.images.images import ImageReference
from instar.domain.legible import legible, legible_line

Json = dict[str, Any]

REASON_AT_MOST = 90
"""Characters of a sentence in a cell; `instar show` has the rest."""

VERSIONS_SHOWN = 3

STATE_STYLES = {"upgrading": "cyan", "parked": "yellow", "held": "yellow", "paused": "yellow", "deleting": "red"}


def table_of(sets: list[Json]) -> Table:
    """A row for each."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head, widest in (("SET", 20), ("IMAGE, MACHINES", 24), ("STATE", 26), ("AUTO", 4), ("LAST RESULT", 18)):
        table.add_column(head, max_width=widest, overflow="fold")
    for one in sets:
        told = one["properties"]
        automatic = "on" if told.get("automatic") else "off"
        table.add_row(_name(one), _machines(told), _state(told), automatic, _result(told))
    return table


def image_of(told: Json) -> str:
    """The image of a set in few letters.

    >>> image_of({"image": {"id": "/subscriptions/s/x/galleries/Farm/images/web"}})
    'Farm/web'
    >>> image_of({"image": {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "22.04", "version": "latest"}})
    'UbuntuServer 22.04'
    """
    image = ImageReference.model_validate(told.get("image") or {})
    parts = image.id.split("/")
    if image.id:
        return legible_line("/".join(parts[-3::2]))
    return legible_line(" ".join(filter(None, (image.offer, image.sku))))


def versions_of(told: Json) -> str:
    """How many machines are on which version, most first.

    >>> versions_of({"versions": {"1.0": 2, "2.0": 18}}), versions_of({"capacity": 3}), versions_of({"versions": {}})
    ('18 on 2.0, 2 on 1.0', 'capacity 3', 'no machines')
    """
    versions = told.get("versions")
    if versions is None:
        return f"capacity {told.get('capacity', '?')}"
    most = sorted(versions.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{count} on {legible_line(version) or 'no image'}" for version, count in most[:VERSIONS_SHOWN]]
    if rest := sum(count for _, count in most[VERSIONS_SHOWN:]):
        shown.append(f"{rest} on others")
    return ", ".join(shown) or "no machines"


def _name(one: Json) -> Text:
    return Text.assemble(
        (legible_line(one["name"]), "bold"), "\n", (legible_line(one["properties"]["resourceGroup"]), "dim")
    )


def _machines(told: Json) -> Text:
    return Text.assemble((image_of(told), "dim"), "\n", versions_of(told))


def _state(told: Json) -> Text:
    word = legible_line(told["state"])
    lines = []
    if word == "upgrading":
        lines.append(f"upgrading {progressed(told['upgrade'])}")
    elif word == "parked":
        lines.append(f"parked {progressed(told['upgrade'])}: {legible(told['reason'], REASON_AT_MOST)}")
    elif told.get("reason"):
        lines.append(f"{word}: {legible(told['reason'], REASON_AT_MOST)}")
    else:
        lines.append(word)
    if told.get("provisioningState") == "Failed":
        lines.append("its last request failed")
    if quarantined := told.get("quarantined"):
        lines.append(f"quarantined: {legible_line(quarantined[-1])}")
    if word == "idle" and "nextLookAt" in told:
        lines.append(f"looks {moment(told['nextLookAt'])}")
    return Text("\n".join(lines), style=STATE_STYLES.get(word, ""))


def _result(told: Json) -> Text:
    upgrade = told.get("upgrade")
    if upgrade is None:
        return Text("none yet", style="dim")
    if "endTime" not in upgrade:
        return Text(f"to {legible_line(upgrade['targetVersion'])}\nsince {moment(upgrade['startTime'])}", style="dim")
    status = legible_line(upgrade["status"])
    text = Text(f"{status} {legible_line(upgrade['targetVersion'])}", style=STYLES.get(status, ""))
    return text.append(f"\n{moment(upgrade['endTime'])}", style="dim")
