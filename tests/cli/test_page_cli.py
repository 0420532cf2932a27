"""`instar page`: a link, printed and opened."""

import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from instar.cli.app import app
from instar.client.api_token import FILE, Login
from instar.client.showing.browser import FILE as OPENED

runner = CliRunner()
CLIENT = httpx.Client
LINK = "https://instar.example/page/once#c0de"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """What an API was asked that knows these credentials."""
    (tmp_path / FILE).write_text(Login("https://instar.example", "t", "me", "s3cret", "s").text())
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"url": LINK, "expiresInSeconds": 600})

    play(monkeypatch, answer)
    return seen


def play(monkeypatch: pytest.MonkeyPatch, answer: Callable[[httpx.Request], httpx.Response]) -> None:
    def client(**options: Any) -> httpx.Client:
        return CLIENT(**options | {"transport": httpx.MockTransport(answer)})

    monkeypatch.setattr(httpx, "Client", client)


def test_it_prints_a_link_and_nothing_else(tmp_path: Path, asked: list[httpx.Request]) -> None:
    told = runner.invoke(app, ["page", "--data-dir", str(tmp_path)])
    assert (told.exit_code, told.output) == (0, f"{LINK}\n")
    [request] = asked
    assert (request.method, request.url.path) == ("POST", "/page/links")
    assert request.content == b"client_id=me&client_secret=s3cret"
    assert not (tmp_path / OPENED).exists()


def test_it_opens_the_link_and_tells_nobody(
    tmp_path: Path, asked: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def opens(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", opens)
    told = runner.invoke(app, ["page", "--open", "--data-dir", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert asked
    file = tmp_path / OPENED
    assert opened == [file.as_uri()]  # others see the arguments of the browser's process
    assert f"url={LINK}" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_browser_it_says_so(
    tmp_path: Path, asked: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    told = runner.invoke(app, ["page", "--open", "--data-dir", str(tmp_path)])
    assert told.exit_code == 1
    assert LINK in told.output
    assert "open the link yourself" in told.output
    credentials = tmp_path / FILE
    told = runner.invoke(app, ["page", "--open", "--data-dir", str(tmp_path / "x"), "--credentials", str(credentials)])
    assert told.exit_code == 1
    assert "cannot be written" in told.output
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(401, json={"error": {"code": "No", "message": "no such client"}}), "401 No: no such client"),
        (httpx.Response(404, json={"error": {"code": "NotFound", "message": "no route"}}), "404 NotFound"),
        (httpx.Response(201, json={"link": "x"}), "gives no link"),
        (httpx.Response(201, json=[]), "gives no link"),
        (httpx.Response(200, text="<html>"), "its answer is no JSON"),
    ],
)
def test_an_api_that_gives_none_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response, words: str
) -> None:
    (tmp_path / FILE).write_text(Login("https://instar.example", "t", "me", "s3cret", "s").text())
    play(monkeypatch, lambda _: answer)
    told = runner.invoke(app, ["page", "--data-dir", str(tmp_path)])
    assert told.exit_code == 1
    assert words in told.output
    assert "Traceback" not in told.output


def test_without_credentials_it_says_where_they_would_be(tmp_path: Path) -> None:
    told = runner.invoke(app, ["page", "--data-dir", str(tmp_path)])
    assert told.exit_code == 1
    assert "there are no credentials" in told.output
    told = runner.invoke(app, ["page", "--temporal", "--data-dir", str(tmp_path)])
    assert told.exit_code == 1
    assert "name the data directory of a running `instar up`" in told.output
