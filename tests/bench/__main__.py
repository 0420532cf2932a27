"""Measure one part after the other, print a table, write the figures: `python -m tests.bench`."""

import argparse
import json
import os
import platform
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import scene
from tests.bench.asking import Measurement, measurements
from tests.bench.figures import Figure
from tests.bench.registry import PARTS

console = Console()


def parser() -> argparse.ArgumentParser:
    """The options."""
    listed = "\n".join(f"  {part.name:<12}{part.help}{_sizes(part.sizes)}" for part in PARTS)
    made = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=f"{__doc__}\n\nparts:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    made.add_argument(
        "--only", nargs="+", default=[], metavar="PART[:SIZE,…]", help="these parts, as `upgrade:100,1000 idle`"
    )
    made.add_argument("--quick", action="store_true", help="what ends within five minutes")
    return made


def _sizes(sizes: tuple[int, ...]) -> str:
    return f" ({', '.join(f'{size:,}' for size in sizes)})" if any(sizes) else ""


def main() -> None:
    """Measure one after the other, so that none slows another."""
    options = parser()
    asked = options.parse_args()
    try:
        wanted = measurements(asked.only, quick=asked.quick)
    except ValueError as error:
        options.error(str(error))
    figures: dict[str, Figure] = {}
    for one in wanted:
        console.print(f"measuring {one} …", style="dim")
        figures |= {one.part.prefix(one.size) + name: figure for name, figure in one.part.measure(one.size).items()}
    show(wanted, figures)
    if asked.json:
        machine = {"cpus": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
        values = {name: round(figure.value, 3) for name, figure in figures.items()}
        asked.json.write_text(json.dumps(values | {"settings": scene.SETTINGS, "machine": machine}, indent=2) + "\n")


def show(wanted: list[Measurement], figures: dict[str, Figure]) -> None:
    """The table."""
    table = Table("figure", "value", "unit", "at most")
    parts = {one.part.name: one.part for one in wanted}
    for name, figure in figures.items():
        most = parts[name.partition(".")[0]].bound(name)
        style = "red" if most is not None and figure.value > most else None
        value = f"{figure.value:,.3f}".rstrip("0").rstrip(".")
        table.add_row(name, value, figure.unit, "" if most is None else f"{most:g}", style=style)
    console.print(table)


if __name__ == "__main__":
    main()
