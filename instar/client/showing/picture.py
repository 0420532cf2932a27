"""An upgrade as a picture on a terminal: a bar per batch, a cell per machine, the newest reasons."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from instar.client.showing.upgrade_view import BatchView, Machine, UpgradeView
from instar.domain.legible import legible_line
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeStatus

CELLS: dict[Outcome, tuple[str, str]] = {
    Outcome.PENDING: (".", "dim"),
    Outcome.IN_PROGRESS: ("~", "bold yellow"),
    Outcome.CURRENT: ("=", "green"),
    Outcome.UPGRADED: ("#", "green"),
    Outcome.STOPPED: ("o", "cyan"),
    Outcome.FAILED: ("X", "bold red"),
    Outcome.SICK_BEFORE: ("x", "red"),
    Outcome.ROLLED_BACK: ("R", "bold magenta"),
    Outcome.ROLLBACK_FAILED: ("!", "bold white on red"),
    Outcome.SKIPPED: ("-", "dim"),
    Outcome.VANISHED: (" ", "dim"),
}
"""A letter tells what a colour alone would not, on every terminal."""

BATCHES_SHOWN = 12
CELLS_SHOWN = 200
"""A batch of more machines shows counts instead of cells."""
REASONS_SHOWN = 8
_LINES_BESIDE = 8
"""On a screen: the headline, earlier batches, machines in no batch, the legend, room for what wraps."""

_STATUS_STYLES = {
    UpgradeStatus.ROLLING_FORWARD: "bold cyan",
    UpgradeStatus.ROLLING_BACK: "bold magenta",
    UpgradeStatus.COMPLETED: "bold green",
    UpgradeStatus.CANCELLED: "bold yellow",
    UpgradeStatus.FAULTED: "bold red",
}


def picture(name: str, view: UpgradeView, height: int | None = None, beside: Sequence[str] = ()) -> RenderableType:
    """The whole of it; with `height` (lines of a screen) as many of the reasons as fit, the newest unabridged.

    `beside`: what it is, how long it takes, what it waits for, a line each.
    """
    parts: list[RenderableType] = [
        Text.assemble((legible_line(name), "bold"), "  ", (view.headline, _STATUS_STYLES[view.status])),
        *(Text(legible_line(line)) for line in beside),
    ]
    if earlier := view.batches[:-BATCHES_SHOWN]:
        done = sum(len(batch.machines) for batch in earlier)
        parts.append(Text(f"batches 1 to {earlier[-1].number}: {done} machines, not shown", style="dim"))
    batches = view.batches[-BATCHES_SHOWN:]
    parts += [_table(batches, view.waiting), _legend(view)]
    machines = _machine_reasons(view)
    if height is None:
        decisions = [Text(decision.line) for decision in view.decisions[-REASONS_SHOWN:]]
    else:
        fitting = max(1, min(REASONS_SHOWN, height - len(beside) - len(batches) - len(machines) - _LINES_BESIDE))
        decisions = [Text(decision.line, no_wrap=True, overflow="ellipsis") for decision in view.decisions[-fitting:-1]]
        decisions += [Text(decision.line) for decision in view.decisions[-1:]]
    for text in decisions[:-1]:
        text.stylize("dim")
    parts += [*decisions, *machines]
    if view.error:
        parts.append(Text(view.error, style="bold red"))
    return Group(*parts)


def _table(batches: Iterable[BatchView], waiting: tuple[Machine, ...]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for batch in batches:
        bar = ProgressBar(total=len(batch.machines), completed=batch.done, width=20)
        table.add_row(f"batch {batch.number}", bar, _cells(batch.machines), batch.summary)
    if waiting:
        view = BatchView(0, waiting)
        table.add_row("no batch", "", _cells(waiting), view.summary)
    return table


def _cells(machines: tuple[Machine, ...]) -> Text:
    if len(machines) > CELLS_SHOWN:
        return Text(f"{len(machines)} machines", style="dim")
    return Text.assemble(*(CELLS[machine.outcome] for machine in machines))


def _legend(view: UpgradeView) -> Text:
    machines = [machine for batch in view.batches for machine in batch.machines] + list(view.waiting)
    seen = {machine.outcome for machine in machines}
    words = [part for outcome in Outcome if outcome in seen for part in (CELLS[outcome], (f" {outcome}  ", "dim"))]
    return Text.assemble(*words)


def _machine_reasons(view: UpgradeView) -> list[Text]:
    """Why machines did not simply get their new disk."""
    told = [machine for batch in view.batches for machine in batch.machines if machine.reason]
    lines = [
        Text(f"machine {machine.instance_id}: {machine.outcome}: {machine.reason}", style=CELLS[machine.outcome][1])
        for machine in told[:REASONS_SHOWN]
    ]
    if more := len(told) - len(lines):
        lines.append(Text(f"and {more} more machines with a reason", style="dim"))
    return lines
