"""A visitor of the page who looks on, and what the page asks the API for meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.page.asking import Answer
from api.page.asking import Api as Asked
from api.page.live.hub import hub_of
from instar.domain.access import Role
from instar.domain.machines.instances import HealthObservation, HealthState
from instar.domain.records.upgrades import Decision, InstanceRecord, UpgradeStatus
from tests.api.conftest import SCALE_SET, Api
from tests.api.page.access.visiting import browser, logged_in
from tests.api.page.reading import Element, read

MARKUP = "<img src=x onerror=alert(1)>"
SET = f"/page/sets{SCALE_SET}"
RUNS: dict[str, Any] = {"status": UpgradeStatus.ROLLING_FORWARD, "ended_at": None}


@asynccontextmanager
async def visitor(
    api: Api, role: Role = Role.OWNER, scope: str = "/", name: str = "ann"
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is logged in."""
    async with browser(api.app) as http:
        await logged_in(api, http, role=role, scope=scope, name=name)
        yield http
    hub_of(api.app).close()


async def page(http: httpx.AsyncClient, path: str, status: int = 200) -> Element:
    """A page, read."""
    answer = await http.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return read(answer.text)


def decision(api: Api, sequence: int, action: str, reason: str, batch: int = 0) -> Decision:
    return Decision(sequence=sequence, at=api.clock(), batch=batch, action=action, reason=reason)


def came_to(ids: str, outcome: str, batch: int = 1, reason: str = "") -> InstanceRecord:
    return InstanceRecord(ids=ids, batch=batch, outcome=outcome, reason=reason)


def all_healthy_but(api: Api, monkeypatch: pytest.MonkeyPatch, *sick: str) -> None:
    async def observe(fleet: Any, scale_set: Any, *_: Any) -> tuple[HealthObservation, ...]:
        return tuple(
            HealthObservation(
                one.instance_id,
                HealthState.UNHEALTHY if one.instance_id in sick else HealthState.HEALTHY,
                api.clock(),
            )
            for one in await fleet.list_instances(scale_set)
        )

    monkeypatch.setattr(type(api.fleet), "observe_health", observe)
    monkeypatch.setattr("api.upgrades.looking.boots", lambda *_: False)


def asks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths that the page asks the API for, from now on."""
    found: list[str] = []
    ask = Asked.ask

    async def noted(self: Asked, method: str, path: str, **more: Any) -> Answer:
        found.append(f"{method} {path}")
        return await ask(self, method, path, **more)

    monkeypatch.setattr(Asked, "ask", noted)
    return found
