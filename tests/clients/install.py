# ruff: noqa: S603  # the package managers
"""Installs the clients, each in an environment of its own, exactly as locks/ names them: `install.py FOLDER`.

`install.py --lock FOLDER` installs what clients.txt asks for with whatever fits today, and writes what that was to
FOLDER/NAME.in: `make lock-clients` makes the locks of it, with the hashes.
"""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WANTED = Path(__file__).with_name("clients.txt")
LOCKS = Path(__file__).with_name("locks")
JS = "js"
PIP = ("-m", "pip", "--disable-pip-version-check")
NEEDED = "lib/*/site-packages/ansible_collections/azure/azcollection/requirements.txt"
"""What a collection of Ansible's imports: pip knows nothing of it."""


def wanted() -> dict[str, list[str]]:
    """Environment of Python -> what it is for."""
    found: dict[str, list[str]] = {}
    for line in WANTED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            environment, package, version = line.split()
            found.setdefault(environment, []).append(f"{package}=={version}")
    return found


def pip(place: Path, *words: str) -> str:
    """What pip said. Its complaints go to the terminal."""
    command = [str(place / "bin" / "python"), *PIP, *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def install(place: Path) -> None:
    """One environment, as its lock names it."""
    if place.name == JS:
        shutil.copytree(LOCKS / JS, place, dirs_exist_ok=True)
        npm = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run([*npm, "--prefix", str(place)], check=True)
        return
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    # Nothing is resolved or compiled: the lock is whole, and most of az's modules are never imported.
    exactly = ("--no-deps", "--require-hashes", "--requirement", str(LOCKS / f"{place.name}.txt"))
    pip(place, "install", "--quiet", "--no-compile", *exactly)
    pip(place, "check")


def lock(place: Path) -> None:
    """What a new lock of one environment is made of; that of JavaScript is npm's own. Neither names a registry."""
    if place.name == JS:
        npm = ["npm", "install", "--package-lock-only", "--omit-lockfile-registry-resolved", "--no-audit", "--no-fund"]
        subprocess.run([*npm, "--prefix", str(LOCKS / JS)], check=True)
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
    pip(place, "install", "--quiet", *wanted()[place.name])
    for more in place.glob(NEEDED):
        pip(place, "install", "--quiet", "--requirement", str(more))
    frozen = [line for line in pip(place, "freeze", "--all").splitlines() if not line.startswith("pip==")]
    place.with_suffix(".in").write_text("\n".join([*frozen, ""]), encoding="utf-8")


def main() -> None:
    """All environments at once: pip waits and unpacks by turns."""
    *option, folder = sys.argv[1:]
    work = lock if option == ["--lock"] else install
    places = [Path(folder).absolute() / environment for environment in (*wanted(), JS)]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(len(places)) as pool:
        list(pool.map(work, places))


if __name__ == "__main__":
    main()
