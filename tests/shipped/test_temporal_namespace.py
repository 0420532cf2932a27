"""deploy/temporal-namespace.sh, against a `temporal` that writes down what it is asked."""

import os
import subprocess
from pathlib import Path

import pytest

from instar.domain.sets.names import Attribute
from tests.support.house import ROOT

SCRIPT = ROOT / "deploy" / "temporal-namespace.sh"


def run(tmp_path: Path, *, fails: str = "", **env: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """What came of it, and what Temporal's program was asked; it fails for what has `fails` in it."""
    asked = tmp_path / "asked"
    program = tmp_path / "bin" / "temporal"
    program.parent.mkdir(exist_ok=True)
    refuse = f'case "$*" in *"{fails}"*) exit 1;; esac\n' if fails else ""
    program.write_text(f'#!/bin/sh\necho "$*" >> {asked}\n{refuse}')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603  # our own script
        ["/bin/sh", str(SCRIPT)],
        env={"PATH": path, "TEMPORAL_ADDRESS": "nowhere:1", "TEMPORAL_NAMESPACE": "fleet"} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done, asked.read_text().splitlines()


def test_a_new_namespace_keeps_what_has_ended_for_400_days(tmp_path: Path) -> None:
    done, asked = run(tmp_path, fails="namespace describe")
    assert done.returncode == 0, done.stderr
    assert "operator namespace create --namespace fleet --retention 400d" in asked
    for name in Attribute:
        assert f"--name {name}" in asked[-1]


@pytest.mark.parametrize(("given", "told"), [({}, "400d"), ({"RETENTION": "30d"}, "30d")])
def test_one_that_is_there_is_told_so_too(tmp_path: Path, given: dict[str, str], told: str) -> None:
    done, asked = run(tmp_path, **given)
    assert done.returncode == 0, done.stderr
    assert f"operator namespace update --namespace fleet --retention {told}" in asked
    assert not any("namespace create" in one for one in asked)


def test_one_that_is_there_may_stay_as_it_is(tmp_path: Path) -> None:
    done, asked = run(tmp_path, RETENTION="")
    assert done.returncode == 0, done.stderr
    assert not any("namespace update" in one for one in asked)
    done, asked = run(tmp_path, fails="namespace describe", RETENTION="")
    assert "operator namespace create --namespace fleet --retention 400d" in asked


def test_one_that_may_not_be_changed_gets_its_search_attributes_all_the_same(tmp_path: Path) -> None:
    done, asked = run(tmp_path, fails="namespace update")
    assert done.returncode == 0
    assert "namespace fleet keeps what has ended for as long as before" in done.stderr
    assert asked[-1].startswith("operator search-attribute create --namespace fleet --type Keyword")
