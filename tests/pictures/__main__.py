"""Take pictures: `python -m tests.pictures [NAME …] [--into DIR]`, all of them by default, into docs/pictures."""

import argparse
from pathlib import Path

from tests.pictures.browser import taken, window
from tests.pictures.scene import running
from tests.pictures.shots import SHOTS

INTO = Path(__file__).parents[2] / "docs" / "pictures"


def main() -> None:
    """Play the scene once, and take at each moment what is to be taken then."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of: " + ", ".join(one.name for one in SHOTS))
    parser.add_argument("--into", type=Path, default=INTO)
    given = parser.parse_args()
    if unknown := sorted(set(given.names) - {one.name for one in SHOTS}):
        parser.error(f"there is no picture {', '.join(unknown)}")
    wanted = [one for one in SHOTS if not given.names or one.name in given.names]
    given.into.mkdir(parents=True, exist_ok=True)
    with running() as (scene, moments):
        for moment in moments:
            for shot in (one for one in wanted if one.moment is moment):
                with window(dark=shot.dark, height=shot.height) as page:
                    shot.go(page, scene)
                    path = given.into / f"{shot.name}.png"
                    taken(page, path)
                print(f"{path.name}: {path.stat().st_size} bytes")  # noqa: T201  # what it says to who runs it


if __name__ == "__main__":
    main()
