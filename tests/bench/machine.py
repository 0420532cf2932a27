"""The facts of this machine, and the versions of what is measured on it."""

import importlib.metadata
import os
import platform
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

from instar.errors import Trouble
from instar.stack.guard.server import temporal_binary
from tests.bench.ansible import installed
from tests.bench.report import Machine, Versions
from tests.support.house import ROOT

_NUMBER = re.compile(r"\d+(?:\.\d+)+")


def machine() -> Machine:
    """As it is now."""
    return Machine(
        cpus=os.cpu_count() or 1,
        processor=_processor(),
        memory_mib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        system=platform.system(),
        kernel=platform.release(),
        load_at_start=os.getloadavg(),
    )


def _processor() -> str:
    """Its model's name; what the platform calls it where there is none."""
    told = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", told.read_text(), re.MULTILINE) if told.exists() else []
    return str(names[0]).strip() if names else platform.machine()


def versions() -> Versions:
    """Of what this environment has."""
    try:
        temporal = _said([temporal_binary(), "--version"], after="Server ")
    except Trouble:
        temporal = ""
    return Versions(
        python=platform.python_version(),
        temporal_server=temporal,
        temporal_sdk=importlib.metadata.version("temporalio"),
        postgresql=_said([_postgres(), "--version"]),
        sqlite=sqlite3.sqlite_version,
        ansible_core=installed.version() if installed.PROGRAM.exists() else "",
    )


def _postgres() -> str:
    """Debian keeps it off the path."""
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    return str(there[-1]) if there else shutil.which("postgres") or ""


def _said(command: list[str], after: str = "") -> str:
    """The version that a program tells of; "" where there is none."""
    if not command[0]:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # --version
    found = _NUMBER.search(done.stdout.partition(after)[2] if after else done.stdout)
    return found.group() if found else ""


def commit() -> str:
    """What is checked out, with a `+` where it was changed; "" outside a repository."""
    git = shutil.which("git")
    if git is None:
        return ""

    def ask(*words: str) -> str | None:
        command = [git or "", "-C", str(ROOT), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        return done.stdout.strip() if done.returncode == 0 else None

    head = ask("rev-parse", "--short=12", "HEAD")
    return "" if head is None else head + ("+" if ask("status", "--porcelain") else "")


def release() -> str:
    """Instar's version here."""
    return importlib.metadata.version("instar")


def last_release(changelog: str) -> str:
    """The newest that has a section. Raises ValueError where none has.

    >>> last_release("## [Unreleased]\\n\\n## [0.2.0] - 2026-12-01\\n## [0.1.0]")
    '0.2.0'
    """
    found = re.search(r"^## \[(\d+\.\d+\.\d+[^\]]*)\]", changelog, re.MULTILINE)
    if found is None:
        raise ValueError("the changelog has no release")
    return found.group(1)
