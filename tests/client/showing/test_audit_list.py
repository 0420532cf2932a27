"""The audit log at 80 columns: which set, what was done, by whom, how it ended; no name of a set is cut."""

import io

import pytest
from rich.console import Console

from instar.client.showing.audit_list import audit_table

PROVIDER = "/providers/Microsoft.Compute/virtualMachineScaleSets"
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo"
UPGRADE = {
    "at": "2026-11-30 11:58:46",
    "name": "owner of the data directory",
    "principal": "ac810aff-e489-47b1-92ce-e7f6b14d153c",
    "action": "Microsoft.Compute/virtualMachineScaleSets/instar/action",
    "resource": f"{GROUP}{PROVIDER}/web/instar/upgrade",
    "status": "202",
    "times": "1",
    "operation": "99ead45f",
    "why": "",
}


def lines_of(*entries: dict[str, str], width: int = 80, upgrades: dict[str, int] | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    console.print(audit_table(entries, upgrades or {}))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "\x1b" not in text
    lines = text.splitlines()
    assert all(len(line) <= width for line in lines)
    return lines


def words_of(*entries: dict[str, str], upgrades: dict[str, int] | None = None) -> str:
    return " ".join(" ".join(lines_of(*entries, width=400, upgrades=upgrades)).split())


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_set_and_what_was_done_come_first(width: int) -> None:
    head, first, second = lines_of(UPGRADE, width=width, upgrades={"99ead45f": 7})[:3]
    assert head.split()[:5] == ["WHEN", "ON", "WHAT", "WHAT", "WAS"]
    assert first.startswith("2026-11-30 11:58Z  web")
    assert "upgrade #7" in first
    assert "accepted 202" in first
    assert second.split()[0] == "demo"


@pytest.mark.parametrize("length", [1, 22, 23, 64, 90])
def test_a_name_of_a_set_is_never_cut(length: int) -> None:
    name = "abcdefghij" * 9
    lines = lines_of(UPGRADE | {"resource": f"{GROUP}{PROVIDER}/{name[:length]}"})
    begin, end = lines[0].index("ON WHAT"), lines[0].index("WHAT WAS DONE")
    assert "".join(line[begin:end].strip() for line in lines[1:]).removesuffix("demo") == name[:length]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"resource": f"{GROUP}{PROVIDER}/web", "action": f"{PROVIDER}/delete"}, "web delete"),
        ({"resource": f"{GROUP}{PROVIDER.lower()}/web/virtualMachines/3/restart"}, "virtualMachines 3 restart"),
        (
            {"resource": f"{GROUP}{PROVIDER}/web/instar/automaticOSUpgrades/quarantine/2.0/lift"},
            "automaticOSUpgrades quarantine 2.0 lift",
        ),
        ({"resource": "/instar/holds/freeze", "action": "Instar/holds/write"}, "freeze write"),
        (
            {
                "resource": "/subscriptions/s/providers/Microsoft.Compute/locations/we/publishers/P/artifacttypes"
                "/vmimage/offers/O/skus/S/versions/2.0",
                "action": "x/versions/write",
            },
            "P O S 2.0 write",
        ),
        ({"resource": "/", "action": "x"}, "/ x"),
        ({"resource": "", "action": ""}, "2026-11-30 11:58Z owner"),
        ({"status": "403", "times": "12"}, "refused 403, demo"),
        ({"status": "503"}, "failed 503"),
        ({"name": "", "status": "401"}, "47b1-92ce-e7f6"),
        ({"why": "because " * 60}, "because because"),
        ({"why": "[bold]\x1b[8m"}, "[bold]\\x1b[8m"),
    ],
)
def test_what_is_told(changes: dict[str, str], words: str) -> None:
    assert words in words_of(UPGRADE | changes)
    assert len(lines_of(UPGRADE | changes)) <= 14, "a reason is cut: the JSON has the rest"
