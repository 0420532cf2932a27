# ruff: noqa: S603, S607  # the package managers
"""Installs the clients of clients.txt, each environment in a folder of its own: `install.py FOLDER`."""

import subprocess
import sys
from pathlib import Path

LIST = Path(__file__).with_name("clients.txt")


def wanted() -> dict[str, list[tuple[str, str]]]:
    """Environment -> packages with their versions."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            environment, package, version = line.split()
            found.setdefault(environment, []).append((package, version))
    return found


def main() -> None:
    """Install what is missing."""
    folder = Path(sys.argv[1]).absolute()
    for environment, packages in wanted().items():
        place = folder / environment
        place.mkdir(parents=True, exist_ok=True)
        if environment == "js":
            names = [f"{package}@{version}" for package, version in packages]
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(place), *names], check=True)
            continue
        names = [f"{package}=={version}" for package, version in packages]
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        pip = [str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *names], check=True)


if __name__ == "__main__":
    main()
