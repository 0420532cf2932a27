"""`instar images follow`: what is nonsense is said before anything is asked, and what is allowed by name."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from instar.cli.app import app
from instar.client import follow
from instar.client.api_token import FILE, Login
from instar.client.signatures import UBUNTU

runner = CliRunner()

URL = "https://mirror.invalid/releases"


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[follow.Source]:
    sources: list[follow.Source] = []

    def note(_: Any, source: follow.Source, *__: Any) -> None:
        sources.append(source)

    monkeypatch.setattr(follow, "follow", note)
    return sources


def ask(folder: Path, url: str, *options: str) -> tuple[int, str]:
    (folder / FILE).write_text(Login("http://127.0.0.1:1", "t", "me", "secret", "s").text())
    command = ["images", "follow", url, "--release", "22.04", "--data-dir", str(folder), *options]
    told = runner.invoke(app, command)
    assert "Traceback" not in told.output
    return told.exit_code, " ".join(told.output.split())


def test_ubuntus_key_and_the_urls_own_server_are_the_default(tmp_path: Path, followed: list[follow.Source]) -> None:
    assert ask(tmp_path, URL) == (0, "")
    [source] = followed
    assert source.publisher == UBUNTU
    assert str(source.origins.root) == f"{URL}/"
    assert source.origins.hosts | source.origins.plain == frozenset()


def test_what_is_allowed_is_allowed_by_name(tmp_path: Path, followed: list[follow.Source]) -> None:
    key = tmp_path / "key.asc"
    allowed = ["--allow-host", "CDN.invalid", "--allow-host", "[0:0::1]", "--allow-http", "mirror.invalid"]
    signed = ["--key", str(key), "--fingerprint", "aa" * 20]
    assert ask(tmp_path, URL.replace("https", "http"), *allowed, *signed)[0] == 0
    assert ask(tmp_path, URL, "--unsigned")[0] == 0
    assert followed[0].origins.hosts == {"cdn.invalid", "::1"}
    assert followed[0].origins.plain == {"mirror.invalid"}
    assert followed[0].publisher is not None
    assert (followed[0].publisher.key, followed[0].publisher.fingerprint) == (key, "AA" * 20)
    assert followed[1].publisher is None


@pytest.mark.parametrize(
    ("url", "options", "status", "why"),
    [
        ("http://mirror.invalid", [], 1, "is without TLS"),
        ("http://127.0.0.1:1", [], 1, "--allow-http 127.0.0.1 takes it all the same"),
        ("https://me:secret@mirror.invalid", [], 1, "a user name or a password"),
        ("mirror.invalid", [], 2, "is no URL of a mirror"),
        ("", [], 2, "is no URL of a mirror"),
        ("https://", [], 2, "is no URL of a mirror"),
        ("file:///etc/passwd", [], 2, "is no URL of a mirror"),
        ("ftp://mirror.invalid", [], 2, "is no URL of a mirror"),
        ("https://mirror.invalid:port", [], 2, "is no URL of a mirror"),
        ("https://mirror.invalid:99999", [], 2, "is no URL of a mirror"),
        ("https://mirror.invalid/?a=b", [], 2, "is no URL of a mirror"),
        ("https://mirror.invalid/\x00", [], 2, "is no URL of a mirror"),
        (URL, ["--allow-host", "https://cdn.invalid"], 2, "is no host"),
        (URL, ["--allow-host", "*.invalid"], 2, "is no host"),
        ("https://mirror.invalid:0", [], 2, "is no URL of a mirror"),
        (URL, ["--allow-host", "1:2:3"], 2, "is no host"),
        (URL, ["--allow-host", "cdn.invalid:443"], 2, "is no host"),
        (URL, ["--allow-host", "cdn.invalid:8443"], 2, "is no host"),
        (URL, ["--allow-host", "cdn.invalid/path"], 2, "is no host"),
        (URL, ["--allow-host", "me@cdn.invalid"], 2, "is no host"),
        (URL, ["--allow-host", "a b"], 2, "is no host"),
        (URL, ["--allow-host", ""], 2, "is no host"),
        (URL, ["--allow-http", "*"], 2, "is no host"),
        (URL, ["--key", "key.asc"], 2, "--key needs the --fingerprint"),
        (URL, ["--key", "key.asc", "--fingerprint", "7DB87C81"], 2, "--key needs the --fingerprint"),
        (URL, ["--fingerprint", "a" * 40], 2, "name it with --key FILE"),
        (URL, ["--unsigned", "--key", "key.asc"], 2, "--unsigned checks no signature"),
        (URL, ["--unsigned", "--fingerprint", "a" * 40], 2, "--unsigned checks no signature"),
    ],
)
def test_what_can_mean_nothing_is_said_before_anything_is_asked(  # noqa: PLR0917  # a row of the table
    tmp_path: Path, followed: list[follow.Source], url: str, options: list[str], status: int, why: str
) -> None:
    exit_code, said = ask(tmp_path, url, *options)
    assert (exit_code, why in said) == (status, True), said
    assert "secret" not in said
    assert followed == []
