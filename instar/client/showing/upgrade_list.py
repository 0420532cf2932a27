"""The upgrades of a set as a table, and one of them as a time line, both readable at 80 columns: `instar history`."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from instar.client.showing.audit_list import REASON_AT_MOST, subject_of
from instar.client.showing.words import STYLES, counted, kind_of, moment, took, what_it_is, who, why
from instar.domain.legible import legible, legible_line
from instar.domain.moments import instant
from instar.domain.records.progress import Outcome
from instar.domain.spans import briefly

Json = dict[str, Any]

AS_MEANT = (Outcome.PENDING, Outcome.IN_PROGRESS, Outcome.CURRENT, Outcome.UPGRADED, Outcome.STOPPED)
"""Nothing went wrong with these."""


def upgrades_table(upgrades: list[Json], now: datetime) -> RenderableType:
    """Under the name of the set, each with what, how long, and why; a reason that is long is cut."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("NO", "WHAT, WHO", "TO", "WHEN, HOW LONG", "HOW IT WENT"):
        table.add_column(head, overflow="fold")
    for one in upgrades:
        told = one["properties"]
        status = legible_line(told["status"])
        table.add_row(
            str(told["number"]),
            f"{kind_of(told)}\n{who(told)}",
            legible_line(told["targetVersion"] or f"model {told['generation']}"),
            f"{moment(told['startTime'])}\n{took(told, now)}",
            Text.assemble((status, STYLES.get(status, "")), f"\n{counted(told)}\n", (_cut(why(told)), "dim")),
        )
    return Group(*(_heading(one) for one in upgrades[:1]), table)


def time_line(upgrade: Json, now: datetime) -> RenderableType:
    """One upgrade: its facts, each decision with its reason, the machines with which something went wrong."""
    told = upgrade["properties"]
    status = legible_line(told["status"])
    what = what_it_is(told)
    parts: list[RenderableType] = [
        _heading(upgrade),
        Text.assemble((what, "bold"), "  ", (status, STYLES.get(status, ""))),
        Text(f"{moment(told['startTime'])}, {took(told, now)}: {counted(told)}"),
    ]
    if told.get("waitsFor"):
        parts.append(Text(f"waits since {moment(told['waitsSince'])} for: {legible_line(told['waitsFor'])}"))
    if told.get("decisions"):
        parts += [Text(""), _decisions(told)]
    if wrong := list(_wrong(told.get("instances") or {})):
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for head in ("MACHINE", "BATCH", "OUTCOME", "WHY"):
            table.add_column(head, overflow="fold")
        for row in wrong:
            table.add_row(*row)
        parts += [Text(""), table]
    if error := (told.get("error") or {}).get("message"):
        parts += [Text(""), Text(legible_line(error), style="red")]
    return Group(*parts)


def _heading(upgrade: Json) -> Text:
    about = subject_of(upgrade["id"])
    return Text(legible_line(f"{about.name} in group {about.where}"), style="bold", overflow="fold")


def _cut(reason: str) -> str:
    return legible(reason, REASON_AT_MOST)


def _decisions(told: Json) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("WHEN", "AFTER", "BATCH", "WHAT", "WHY"):
        table.add_column(head, overflow="fold")
    began = instant(told["startTime"])
    for one in told["decisions"]:
        at = instant(one["time"])
        after = briefly(at - began) if at and began else ""
        when = at.strftime("%m-%d %H:%M:%S") if at else legible_line(one["time"])
        table.add_row(when, after, str(one["batch"] or ""), legible_line(one["action"]), legible_line(one["reason"]))
    return table


def _wrong(instances: Json) -> Iterator[tuple[str, str, str, str]]:
    for instance_id, one in sorted(instances.items(), key=lambda pair: int(pair[0])):
        if one["outcome"] not in AS_MEANT:
            yield (
                legible_line(instance_id),
                str(one["batch"] or ""),
                legible_line(one["outcome"]),
                legible_line(one.get("reason") or ""),
            )
