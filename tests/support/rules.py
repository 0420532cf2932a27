"""Which tests show which rule, by their names; `python -m tests.support.rules` writes the lists in docs/rules.md.

`test_p9_b3_exactly_at_the_limit_goes_on` shows P9 and B3.
"""

import ast
import re
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "rules.md"

SECTIONS = {"P": 19, "B": 9, "H": 7, "T": 7, "I": 6, "S": 0, "F": 11, "A": 4, "K": 8, "W": 5}
LATER = {"P2": "P2A"}
"""Rules that were put between two others, each by the one that it follows."""

STEERING = ("C1", "C2", "C3", "C4", "C5", "C6", "R1", "R2", "R3", "G1", "G2", "G3", "G4", "N1", "N2")
"""What an operator can do beyond the original: each is in the list once it is done."""

NUMBERED = [
    f"{letter}{number or ''}" for letter, last in SECTIONS.items() for number in (range(1, last + 1) if last else (0,))
]
RULES = (*(rule for one in NUMBERED for rule in (one, LATER.get(one)) if rule), *STEERING)

NAME = re.compile(r"test_((?:(?:[pbhtifakcrwgn]\d+a?|s)_)+)")
HEADING = re.compile(r"^### (\w+)$", re.MULTILINE)
LINE = re.compile(r"^- `(tests/[^`]+)`: (.+)$")


def shown_by() -> dict[str, dict[str, list[str]]]:
    """Rule -> file -> names of the tests in it that show the rule, all in order."""
    found: dict[str, dict[str, list[str]]] = {rule: {} for rule in RULES}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        file = path.relative_to(ROOT).as_posix()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (name := NAME.match(node.name)):
                for rule in name[1].upper().rstrip("_").split("_"):
                    found.setdefault(rule, {}).setdefault(file, []).append(node.name)
    return found


def listed() -> dict[str, dict[str, list[str]]]:
    """The same as docs/rules.md lists it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    rule, found = "", dict[str, dict[str, list[str]]]()
    for line in text.splitlines():
        if heading := HEADING.match(line):
            rule = heading[1]
            found[rule] = {}
        elif rule and (entry := LINE.match(line)):
            found[rule][entry[1]] = re.findall(r"`(\w+)`", entry[2])
    return found


def write() -> None:
    """Put the lists in the document; the prose stays."""
    text = re.sub(r"(\n- `tests/[^\n]+)+\n", "", DOCUMENT.read_text(encoding="utf-8"))
    for rule, files in shown_by().items():
        lines = [f"- `{file}`: " + ", ".join(f"`{name}`" for name in names) for file, names in files.items()]
        if lines:
            pattern = re.compile(rf"(^### {rule}\n(?:(?!^#).*\n?)*?)(?=\n*(?:^#|\Z))", re.MULTILINE)
            text = pattern.sub(partial(_with_list, lines), text)
    DOCUMENT.write_text(text, encoding="utf-8")


def _with_list(lines: list[str], section: re.Match[str]) -> str:
    return section[1].rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    write()
