"""`instar webhooks …` against the application itself."""

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from api.access.own_issuer import TENANT
from instar.cli import found
from instar.cli.app import app
from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.domain.access import Grant, Role
from tests.api.conftest import GROUP, SUBSCRIPTION, Api
from tests.support.receivers import SECRET

URL = "https://hooks.example.com/T0/hunter2"

Run = Callable[..., Any]


class Bridge(httpx.BaseTransport):
    """From the thread of a command to the application on the loop of the tests."""

    def __init__(self, api: Api, loop: asyncio.AbstractEventLoop) -> None:
        self.inner = httpx.ASGITransport(app=api.app)
        self.loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def handled() -> httpx.Response:
            again = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
            answer = await self.inner.handle_async_request(again)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return asyncio.run_coroutine_threadsafe(handled(), self.loop).result(20)


@pytest.fixture
async def run(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    client, secret = api.store.credentials.create("me", Grant(Role.OWNER, "/"), api.clock())
    login = Login("http://api.test:8000", TENANT, client.client_id, secret, SUBSCRIPTION)
    (tmp_path / FILE).write_text(login.text())
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    bridge = Bridge(api, asyncio.get_running_loop())
    monkeypatch.setattr(found, "ApiClient", lambda login: ApiClient(login, bridge))

    async def ran(*words: str) -> Any:
        arguments = ["webhooks", *words, "--data-dir", str(tmp_path)]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert SECRET not in result.output
        return result

    return ran


async def made(run: Run, tmp_path: Path) -> None:
    arguments = ("--url", URL, "--scope", GROUP, "--event", "faulted", "--secret-file", str(tmp_path / "secret"))
    result = await run("set", "chat", *arguments)
    assert result.exit_code == 0, result.output
    assert "chat is made: on" in result.output


async def test_n1_a_webhook_is_set_listed_shown_changed_and_deleted(run: Run, tmp_path: Path) -> None:
    await made(run, tmp_path)
    [one] = json.loads((await run("list", "--output", "json")).output)
    assert (one["name"], one["properties"]["events"]) == ("chat", ["faulted"])
    assert URL in (await run("show", "chat")).output
    shown = json.loads((await run("show", "chat", "--output", "json")).output)
    assert shown["properties"]["url"] == URL
    changed = await run("set", "chat", "--off", "--output", "json")
    after = json.loads(changed.output)["properties"]
    assert after == {k: v for k, v in shown["properties"].items() if k != "undelivered"} | {"enabled": False}
    assert "off" in (await run("list")).output
    assert "is deleted" in (await run("delete", "chat")).output
    again = await run("delete", "chat")
    assert (again.exit_code, again.output) == (0, "there is no webhook chat\n")


async def test_n1_a_test_ends_well_only_if_it_was_taken(api: Api, run: Run, tmp_path: Path) -> None:
    await made(run, tmp_path)

    async def taken(webhook_ids: Iterable[str]) -> None:
        for one in webhook_ids:
            for event in api.store.deliveries.undelivered(one):
                api.store.deliveries.delivered(one, event.event.id, api.clock())

    async def failed(webhook_ids: Iterable[str]) -> None:
        for one in webhook_ids:
            for event in api.store.deliveries.undelivered(one):
                api.store.deliveries.not_delivered(one, event.event.id, "the receiver answered 500", api.clock())
                api.store.deliveries.give_up(one, event.event.id)

    api.gateway.look_at_webhooks = taken  # type: ignore[method-assign]  # a receiver that works
    assert "has taken the test event evt_" in (await run("test", "chat")).output
    api.gateway.look_at_webhooks = failed  # type: ignore[method-assign]  # one that does not
    result = await run("test", "chat")
    assert result.exit_code == 1
    assert "the receiver answered 500" in result.output
    told = await run("undelivered", "chat")
    assert "GivenUp" in told.output
    assert result.output.split("event ")[1].split(" ")[0] in told.output, "the whole id, however narrow the terminal"
    [one] = json.loads((await run("undelivered", "chat", "--output", "json")).output)
    assert (await run("resend", "chat", one["id"])).output == "1 event is sent again\n"
    assert json.loads((await run("resend", "chat", "--all", "--output", "json")).output) == {"resent": 1}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("resend", "chat"), 2, "name the events"),
        (("resend", "chat", "evt_1", "--all"), 2, "name the events"),
        (("show", "nothing"), 1, "There is no webhook 'nothing'"),
        (("test", "nothing"), 1, "There is no webhook 'nothing'"),
        (("set", "chat"), 1, "'scope' is needed"),
        (("set", "chat", "--secret-file", "/nowhere"), 1, "cannot read the secret"),
        (("set", "a/b", "--scope", "/"), 1, ""),
        (("list", "--output", "xml"), 2, "xml"),
    ],
    ids=lambda words: "_".join(words) if isinstance(words, tuple) else None,
)
async def test_nonsense_is_one_sentence_and_a_status(run: Run, words: tuple[str, ...], status: int, said: str) -> None:
    result = await run(*words)
    assert result.exit_code == status, result.output
    assert said in result.output
    assert "Traceback" not in result.output


async def test_what_others_wrote_steers_no_terminal(api: Api, run: Run, tmp_path: Path) -> None:
    await made(run, tmp_path)
    stored = api.store.webhooks.find("chat")
    assert stored is not None
    event = (await api.http.post("/instar/webhooks/chat/test")).json()["event"]
    api.store.deliveries.not_delivered(stored.webhook.id, event, "\x1b[8m[bold]\nevil", api.clock())
    api.store.deliveries.disable(stored.webhook.id, "\x1b[8m[bold]")
    for words in (("undelivered", "chat"), ("list",), ("show", "chat"), ("undelivered", "chat", "--output", "json")):
        result = await run(*words)
        assert result.exit_code == 0
        assert all(letter.isprintable() or letter == "\n" for letter in result.output)
