"""Requests are counted by method and status, whatever a stranger makes up."""

from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from instar.serving.counted import CountedRequests
from tests.support.counted import Counted


async def answers(scope: Scope, _receive: Receive, send: Send) -> None:
    if scope["path"] == "/breaks":
        raise RuntimeError("a fault")
    events = [(b"content-type", b"text/event-stream; charset=utf-8")] if scope["query_string"] else []
    await send({"type": "http.response.start", "status": int(scope["path"][1:]), "headers": events})
    await send({"type": "http.response.body", "body": b""})


async def ask(method: str, path: str) -> Any:
    transport = httpx.ASGITransport(CountedRequests(answers))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.request(method, path)


async def test_answers_are_counted_and_timed() -> None:
    counted = Counted()
    for method, path in (("GET", "/200"), ("GET", "/200"), ("GET", "/404"), ("BREW", "/405")):
        await ask(method, path)
    assert counted.grown("instar_api_requests_total") == {"200/GET": 2, "404/GET": 1, "405/other": 1}
    assert counted("instar_api_request_duration_seconds_count", method="GET") == 3


async def test_a_request_that_nobody_answered_has_no_status() -> None:
    counted = Counted()
    with pytest.raises(RuntimeError):
        await ask("GET", "/breaks")
    assert counted.grown("instar_api_requests_total") == {"/GET": 1}


async def test_a_stream_of_events_is_counted_and_its_length_is_no_slowness_of_ours() -> None:
    counted = Counted()
    await ask("GET", "/200?stream")
    assert counted.grown("instar_api_requests_total") == {"200/GET": 1}
    assert counted("instar_api_request_duration_seconds_count", method="GET") == 0
