"""`python -m tests.bench`: what is asked for is measured, shown, written and compared."""

import sys
from pathlib import Path

from rich.console import Console

from instar.stack.processes import Stopped
from tests.bench import machine, tables
from tests.bench.asking import measurements
from tests.bench.comparison import compare
from tests.bench.options import LAST, parser
from tests.bench.report import Report, Unreadable, of_release, read
from tests.bench.running import run
from tests.bench.stopping import stop_where_it_stands
from tests.support.house import ROOT

console = Console()
INTERRUPTED = 130


def main() -> int:
    """Read the command line and do it. What is nonsense is refused before anything is measured."""
    options = parser()
    asked = options.parse_args()
    stop_where_it_stands()
    try:
        then = _kept(asked.compare)
        if asked.figures and (asked.only or asked.quick or asked.keep or asked.json):
            options.error("--figures measures nothing: it goes with --compare, --noise and --fail-worse alone")
        if asked.fail_worse is not None and then is None:
            options.error("--fail-worse says what --compare is to end with: give both")
        if asked.json and (asked.json.is_dir() or not asked.json.absolute().parent.is_dir()):
            options.error(f"nothing can be written to {asked.json}: name a file, in a folder that there is")
        wanted = measurements(asked.only, quick=asked.quick)
        found = read(asked.figures) if asked.figures else run(wanted, console)
    except (ValueError, Unreadable) as error:
        options.error(str(error))
    except (KeyboardInterrupt, Stopped):
        console.print("stopped: nothing is left of it")
        return INTERRUPTED
    if asked.json:
        found.write(asked.json)
    if asked.keep and not found.failed:
        found.kept().write(of_release(found.release))
    status = 1 if found.failed else 0
    return status if then is None else max(status, _compared(found, then, asked.noise, asked.fail_worse))


def _kept(asked: Path | None) -> Report | None:
    """What is to be compared with. Raises Unreadable."""
    if asked is None or asked != LAST:
        return None if asked is None else read(asked)
    path = of_release(machine.last_release((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")))
    if not path.exists():
        raise Unreadable(f"no figures are kept of {path.stem}, the last release: `--keep` at its commit writes {path}")
    return read(path)


def _compared(now: Report, then: Report, noise: float, fail_worse: float | None) -> int:
    """Show it; the status that it ends with."""
    compared = compare(now, then)
    if compared.rows:
        console.print(tables.comparison(compared, then.release, noise))
    for note in (*compared.notes, *([f"{then.release}: {then.note}"] if then.note else [])):
        console.print(note, style="dim", markup=False, highlight=False)
    if fail_worse is None:
        return 0
    if not compared.rows:
        console.print("nothing could be compared, so nothing is known to be as good", style="red")
        return 1
    for row in compared.worse_than(fail_worse):
        console.print(f"{row.name} is {row.worse:.2f} times as bad as in {then.release}", style="red", highlight=False)
    return 1 if compared.worse_than(fail_worse) else 0


if __name__ == "__main__":
    sys.exit(main())
