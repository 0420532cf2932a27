"""What may be asked for on the command line."""

import argparse
import math
from pathlib import Path

from tests.bench import comparison
from tests.bench.registry import PARTS

LAST = Path("last")
"""`--compare` without a file."""


def parser() -> argparse.ArgumentParser:
    """The options, with a line for each part."""
    listed = "\n".join(f"  {part.name:<12}{part.help}{_sizes(part.sizes)}" for part in PARTS)
    made = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measures one part after the other, and prints a table.\n\nparts:\n" + listed,
        epilog="status: 0; 1 where a part could not be measured, or something is worse than --fail-worse allows;\n"
        "2 where what was asked for can mean nothing; 130 after Ctrl-C",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--only", nargs="+", default=[], metavar="PART[:SIZE,…]", help="as `upgrade:100,1000 idle`")
    made.add_argument("--quick", action="store_true", help="what ends within five minutes")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, with the machine's facts")
    made.add_argument("--figures", type=Path, metavar="FILE", help="measure nothing: take what --json wrote")
    made.add_argument(
        "--compare",
        nargs="?",
        type=Path,
        const=LAST,
        metavar="FILE",
        help="with those figures, by default those that are kept of the last release: ratios and counts, no times",
    )
    made.add_argument(
        "--noise", type=_factor, default=comparison.NOISE, metavar="FACTOR", help="red above it (default %(default)s)"
    )
    made.add_argument("--fail-worse", type=_factor, metavar="FACTOR", help="status 1 where something is worse by more")
    made.add_argument("--keep", action="store_true", help="keep ratios and counts as those of this release")
    return made


def _factor(given: str) -> float:
    try:
        factor = float(given)
    except ValueError:
        factor = math.nan
    if not 1 <= factor < math.inf:
        raise argparse.ArgumentTypeError(f"{given!r} is no factor: 1 or more, as 1.25")
    return factor


def _sizes(sizes: tuple[int, ...]) -> str:
    return f" ({', '.join(f'{size:,}' for size in sizes)})" if any(sizes) else ""
