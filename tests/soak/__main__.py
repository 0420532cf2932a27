"""`python -m tests.soak --runs 20 --seed 1`: runs of seeds 1, 2, … until one finds harm, or all have passed."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.plan import planned
from tests.soak.run import soaked


def main() -> None:
    """Read the command line and soak."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=2, help="how many (default 2; each takes about a minute)")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the next ones count on")
    parser.add_argument("--plan", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--quiet", action="store_true", help="no line for each move")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs must be 1 or more")
    failed = 0
    for seed in range(arguments.seed, arguments.seed + arguments.runs):
        plan = planned(seed)
        if arguments.plan:
            say(f"seed {seed}: sizes {plan.sizes}\n" + "\n".join(f"  +{one.after:.1f} s {one}" for one in plan.moves))
            continue
        failed += not run(seed, quiet=arguments.quiet)
    if not arguments.plan:
        say(f"{arguments.runs - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def run(seed: int, *, quiet: bool) -> bool:
    """One run; whether it found no harm. Its logs are kept where it did."""
    plan, began = planned(seed), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"instar-soak-{seed}-"))
    lines: list[str] = []

    def note(line: str) -> None:
        lines.append(line)
        if not quiet:
            say(f"  {line}")

    say(f"seed {seed}: sets of {', '.join(map(str, plan.sizes.values()))} machines, {len(plan.moves)} moves")
    try:
        found = asyncio.run(soaked(plan, folder / "site", note))
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except Exception as error:  # noqa: BLE001  # the seed and the logs say what happened; the next seed is tried
        found = [f"{type(error).__name__}: {error}"]
    if not found:
        shutil.rmtree(folder, ignore_errors=True)
        say(f"seed {seed}: no harm in {time.monotonic() - began:.0f} s; {lines[-1]}")
        return True
    say(f"seed {seed}: HARM, logs and data in {folder}; again with: python -m tests.soak --runs 1 --seed {seed}")
    for one in found:
        say(f"  {one}")
    return False


def say(line: str) -> None:
    """A line at once."""
    print(line, flush=True)  # noqa: T201  # what a command says


if __name__ == "__main__":
    main()
