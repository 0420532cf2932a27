"""Record the histories anew: `python -m tests.histories.record [SCENE …]`, after a change meant to change them."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.histories.kept import write
from tests.histories.scenes import SCENES, played


async def main(scenes: list[str]) -> None:
    """Play these scenes, or all, and replace what is kept of them."""
    for name in scenes or list(SCENES):
        with tempfile.TemporaryDirectory() as folder:
            for path in write(name, await played(name, Path(folder))):
                print(path.name)  # noqa: T201  # what a recorder says


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
