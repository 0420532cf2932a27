# ruff: noqa: S603  # pip
"""`python tests/bench/ansible/installed.py FOLDER`: ansible-core as the clients' lock names it, and nothing more."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[2]
LOCK = TESTS / "clients" / "locks" / "ansible.txt"
NEEDED = (
    "ansible-core",
    "cffi",
    "cryptography",
    "jinja2",
    "markupsafe",
    "packaging",
    "pycparser",
    "pyyaml",
    "resolvelib",
)
"""ansible-core and all that it needs: `pip check` finds what is missing."""

FOLDER = TESTS.parent / ".bench-ansible"
PROGRAM = FOLDER / "bin" / "ansible-playbook"


def locked(lock: str) -> str:
    """Those lines of the lock, with their hashes. Raises ValueError where it lacks one."""
    blocks = {block.partition("==")[0]: block for block in re.split(r"\n(?=\S)", lock) if "==" in block}
    if missing := [name for name in NEEDED if name not in blocks]:
        raise ValueError(f"the lock of Ansible names no {', '.join(missing)}")
    return "\n".join(blocks[name].rstrip() for name in NEEDED) + "\n"


def version() -> str:
    """Of ansible-core."""
    [found] = re.findall(r"^ansible-core==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return str(found)


def main() -> None:
    """An environment of its own, made anew."""
    place = Path(sys.argv[1]).absolute()
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    with tempfile.NamedTemporaryFile("w", prefix="instar-bench-", suffix=".txt") as wanted:
        wanted.write(locked(LOCK.read_text(encoding="utf-8")))
        wanted.flush()
        subprocess.run([*pip, "install", "--no-deps", "--require-hashes", "--requirement", wanted.name], check=True)
    subprocess.run([*pip, "check"], check=True)


if __name__ == "__main__":
    main()
