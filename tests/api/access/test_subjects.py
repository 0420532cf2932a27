"""A request's path says which set and instance the lines of the log are about."""

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from api.access.subjects import NAME_AT_MOST, Subjects
from instar.telemetry.about import what_it_is_about

SET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"


async def known_at(path: str, kind: str = "http") -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        found.update(what_it_is_about())

    async def nothing(*_: Any) -> Any:
        raise AssertionError("it asks nothing")

    await Subjects(app)({"type": kind, "path": path}, nothing, nothing)
    assert not what_it_is_about()
    return found


@pytest.mark.parametrize(
    ("path", "instance"),
    [
        (SET, None),
        (f"{SET}/osRollingUpgrade", None),
        (SET.upper(), None),
        (f"{SET}/virtualMachines/3", "3"),
        (f"{SET}/virtualMachines/3/restart", "3"),
        (f"{SET}/virtualMachines/3x", None),
        (f"{SET}/virtualMachines/{'9' * 50}", None),
    ],
)
async def test_a_path_of_a_set(path: str, instance: str | None) -> None:
    found = await known_at(path)
    assert (found["set"].lower(), found["resource"]) == ("web", path[: len(SET)])
    assert found.get("instance") == instance


@pytest.mark.parametrize(
    "path", ["/", "/subscriptions/s", f"/x{SET}", SET.removesuffix("/web"), f"{SET}{'b' * NAME_AT_MOST}"]
)
async def test_a_path_of_none(path: str) -> None:
    assert await known_at(path) == {}


async def test_what_is_no_request_is_about_nothing() -> None:
    assert await known_at("", "lifespan") == {}
