"""How the command `instar` is called from a shell, for lines that are meant to be pasted into one."""

import shutil
import sys
from pathlib import Path
from shlex import quote


def program() -> str:
    """The word that starts this very installation: `instar` where the shell finds that one, else its whole path."""
    beside = Path(sys.executable).with_name("instar")
    found = shutil.which("instar")
    if not beside.exists() or (found and Path(found).exists() and Path(found).samefile(beside)):
        return "instar"
    return quote(str(beside))
