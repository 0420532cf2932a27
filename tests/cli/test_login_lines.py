# ruff: noqa: S603  # a shell of our own, as a person has one
"""The lines that `instar up` prints are pasted into a shell: there they must mean what they say."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.connection.setting_groups import OidcSettings
from instar.stack.guard.place import made_page
from instar.stack.up import how_to_log_in, how_to_log_in_outside, where_the_page_is

STUB = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
    log.write(json.dumps([os.environ.get("AZURE_CONFIG_DIR"), os.environ.get("REQUESTS_CA_BUNDLE")]) + "\\n")
print("a-token")
sys.exit("register" in sys.argv and {known})
"""


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("name", ["data", "my data", "it's $HOME", 'a"b'])
def test_az_is_logged_in_by_the_lines_themselves_whatever_the_directory_is_called(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    directory, programs = tmp_path / name, tmp_path / "bin"
    directory.mkdir()
    programs.mkdir()
    for program in ("az", "curl", "instar"):
        (programs / program).write_text(STUB.format(python=sys.executable, log=str(tmp_path / "log"), known=known))
        (programs / program).chmod(0o755)
    login = Login("https://localhost:8080", "tenant", "client", "s3cret-_x", "sub", str(directory / "tls" / "ca.crt"))
    (directory / FILE).write_text(login.text())
    monkeypatch.setattr("instar.stack.up.program", lambda: str(programs / "instar"))
    lines = how_to_log_in(login, directory)
    assert "s3cret" not in "".join(lines)
    script = [line.removeprefix("with curl     ") for line in lines if line.startswith(("  ", "with curl"))]
    script = [line for line in script if "more with: " not in line]
    path = f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", "\n".join(script)], env={"PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    calls, surroundings = told[::2], told[1::2]
    ca_file = str(directory / "tls" / "ca.crt")
    url = "https://localhost:8080/subscriptions?api-version=2022-12-01"
    cloud = ["-n", "instar", "--endpoint-resource-manager", "https://localhost:8080"]
    assert calls == [
        ["instar", "token", "--data-dir", str(directory)],
        ["curl", "-H", "Authorization: Bearer a-token", "--cacert", ca_file, url],
        ["az", "config", "set", "core.instance_discovery=false", "core.collect_telemetry=false"],
        ["az", "cloud", "register", *cloud],
        *([["az", "cloud", "update", *cloud]] if known else []),
        ["az", "cloud", "set", "-n", "instar"],
        ["az", "login", "--service-principal", "-u", "client", "-p", "s3cret-_x", "--tenant", "tenant"],
    ]
    assert set(map(tuple, surroundings[2:])) == {(str(directory / "azure"), ca_file)}


def test_without_tls_it_says_what_az_needs(tmp_path: Path) -> None:
    lines = how_to_log_in(Login("http://127.0.0.1:8080", "t", "c", "s", "sub"), tmp_path)
    assert lines[-1] == "with az       needs https: start with --tls"
    assert "--cacert" not in "".join(lines)


def test_the_page_is_told_with_a_link_or_with_what_keeps_it_from_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = Login("http://127.0.0.1:1", "t", "c", "s", "sub")
    lines = where_the_page_is(login, tmp_path)
    assert lines[0] == "page          http://127.0.0.1:1/"
    assert "no API answers at http://127.0.0.1:1" in lines[1]
    monkeypatch.setattr(ApiClient, "page_link", lambda _: "http://127.0.0.1:1/page/once#x")
    made_page(tmp_path, 2)
    lines = where_the_page_is(login, tmp_path)
    assert re.fullmatch(r"page          http://instar-[0-9a-f]{12}\.localhost:1/page/once#x", lines[0])
    assert f"page --data-dir {tmp_path}" in lines[1]
    outside = OidcSettings(issuer="https://login.example", audience="a", own_issuer=False)
    assert how_to_log_in_outside(outside, tmp_path, "http://127.0.0.1:1", "")[0] == "page          http://127.0.0.1:1/"
