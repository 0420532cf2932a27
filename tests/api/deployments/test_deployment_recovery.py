"""F1 of deployments: who goes on with them after a kill, and what several at once do to one."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from api import app as application
from api.deployments import deployment_runs, resource_types
from api.deployments.deployment_runs import CLAIM, tend
from instar.store.errors import Unavailable
from instar.store.resources import StoredResource
from tests.api.conftest import GROUP, SECRETS, Api
from tests.api.deployments.deploying import NETS, ONE, SETS, begin, deploy, look_after, resource, scale_set, state


async def test_f1_a_deployment_whose_process_was_killed_goes_on_in_the_next_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real = resource_types.made

    async def killed(services: Any, planned: Any) -> str:
        calls.append(planned.names[-1])
        operation = await real(services, planned)
        if planned.type == SETS:
            raise asyncio.CancelledError  # after the effect, before it is written down: the process is gone
        return operation

    monkeypatch.setattr(deployment_runs, "made", killed)
    with pytest.raises(asyncio.CancelledError):
        await deploy(api, resource(NETS, "net"), scale_set("web", "net"), resource(NETS, "last", "web"))
    monkeypatch.setattr(deployment_runs, "made", real)
    assert calls == ["net", "web"]
    await look_after(api)
    assert len(api.gateway.sent) == 1, "the claim of another process is not taken away at once"
    api.clock.advance(CLAIM)
    await look_after(api)
    assert len(api.gateway.sent) == 2
    assert api.stored().generation == 1, "made again, it is the same set"
    api.end_operations()
    await look_after(api)
    assert await state(api) == "Succeeded"
    assert await api.get(f"{GROUP}/providers/{NETS}/last")


async def test_f1_the_application_looks_after_deployments_as_long_as_it_lives(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment_runs, "PAUSE", timedelta(milliseconds=5))
    await begin(api, scale_set("web"))
    api.end_operations()
    away = iter([Unavailable("away")])
    real = api.store.deployments.unfinished

    def unfinished() -> Any:
        for error in away:
            raise error
        return real()

    monkeypatch.setattr(api.store.deployments, "unfinished", unfinished)
    async with application.life(api.app):
        async with asyncio.timeout(10):
            while await state(api) == "Running":  # noqa: ASYNC110  # nobody tells a client either
                await asyncio.sleep(0.01)
    assert await state(api) == "Succeeded"
    assert not [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == tend.__name__]


async def test_f1_with_the_store_away_a_resource_is_made_later(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_services: Any, _planned: Any) -> str:
        raise Unavailable("away")

    real = resource_types.made
    monkeypatch.setattr(deployment_runs, "made", away)
    assert (await deploy(api, resource(NETS, "net"))).status_code == 503
    monkeypatch.setattr(deployment_runs, "made", real)
    api.clock.advance(CLAIM)
    await look_after(api)
    assert await state(api) == "Succeeded"


async def test_two_requests_of_one_name_at_once_begin_one_run(api: Api) -> None:
    await api.call("PUT", GROUP, {"location": "westus2"})
    answers = await asyncio.gather(*(deploy(api, scale_set("web")) for _ in range(4)))
    assert sorted(one.status_code for one in answers) == [201, 409, 409, 409]
    assert len(api.gateway.sent) == 1


async def test_two_processes_that_look_after_one_deployment_make_each_resource_once(api: Api) -> None:
    await begin(api, scale_set("first"), *(resource(NETS, f"net{number}", "first") for number in range(4)))
    api.end_operations()
    calls: list[str] = []
    real = resource_types.made

    async def counted(services: Any, planned: Any) -> str:
        calls.append(planned.names[-1])
        return await real(services, planned)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployment_runs, "made", counted)
        await asyncio.gather(*(look_after(api) for _ in range(3)))
    assert await state(api) == "Succeeded"
    assert sorted(calls) == ["net0", "net1", "net2", "net3"]


async def test_something_unexpected_in_one_deployment_stops_no_other(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [ONE.replace("/first", f"/{name}") for name in ("a", "b")]
    for path in paths:
        await deploy(api, scale_set(f"of-{path[-1]}"), path=path)
    api.end_operations()
    real = api.store.deployments.opened

    failures = iter([Unavailable("away"), KeyError(SECRETS[0])])

    def opened(stored: StoredResource) -> dict[str, Any]:
        if stored.name == "a":
            raise next(failures)
        return real(stored)

    monkeypatch.setattr(api.store.deployments, "opened", opened)
    states = []
    for _ in range(2):
        await look_after(api)
        states.append([(await api.get(path))["properties"]["provisioningState"] for path in paths])
    assert states == [["Running", "Succeeded"], ["Failed", "Succeeded"]]
