"""One part after the other, so that none slows another; one that fails leaves the others their turn."""

import traceback
from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console

from instar.stack.processes import Stopped
from tests.bench import machine, scene, tables
from tests.bench.asking import Measurement
from tests.bench.figures import Figure
from tests.bench.registry import PARTS
from tests.bench.report import Report, report


def run(wanted: Iterable[Measurement], console: Console) -> Report:
    """Measure, and show the table, also of what there is by a Ctrl-C."""
    figures: dict[str, Figure] = {}
    failed: dict[str, str] = {}
    facts, versions, began = machine.machine(), machine.versions(), datetime.now(UTC)
    try:
        for one in wanted:
            console.print(f"measuring {one} …", style="dim")
            try:
                given = one.part.measure(one.size)
            except Stopped:
                raise
            except Exception as error:  # noqa: BLE001  # told, and the others are measured all the same
                failed[str(one)] = f"{type(error).__name__}: {error}"
                console.print(traceback.format_exc(), style="red", markup=False, highlight=False)
            else:
                figures |= {one.part.prefix(one.size) + name: figure for name, figure in given.items()}
    finally:
        if figures:
            console.print(tables.figures(figures, PARTS))
    for name, reason in failed.items():
        console.print(f"{name} could not be measured: {reason}", style="red", markup=False)
    return report(
        release=machine.release(),
        commit=machine.commit(),
        taken_at=began,
        machine=facts,
        versions=versions,
        settings=scene.SETTINGS,
        figures=figures,
        failed=failed,
    )
