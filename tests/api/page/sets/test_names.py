"""Names in addresses that a URL reads as something else."""

import pytest

from tests.api.conftest import Api
from tests.api.page.sets.looking_on import SET, visitor

NAMES = ("web%3F", "web%3Fx=1", "web%23", "web%25", "web%253F", "%2E", "%2E%2E", "web%3B", "web%20", "w%C3%A9b")
BELOW = ("", "/cells", "/machines/0", "/history", "/history/1")


@pytest.mark.parametrize("below", BELOW)
async def test_a_set_that_cannot_be_is_not_there(api: Api, below: str) -> None:
    await api.create()
    await api.add_machines(1)
    async with visitor(api) as http:
        for name in NAMES:
            answer = await http.get(SET.removesuffix("web") + name + below)
            assert answer.status_code in (400, 404), (name, answer.status_code, answer.text[-600:])


@pytest.mark.parametrize("name", ["%2E", "%2E%2E", "%3F", "x", "%00"])
async def test_a_machine_or_an_upgrade_that_cannot_be_is_not_there(api: Api, name: str) -> None:
    await api.create()
    await api.add_machines(1)
    async with visitor(api) as http:
        for below in ("machines", "history"):
            answer = await http.get(f"{SET}/{below}/{name}")
            assert answer.status_code in (400, 404), (below, answer.text[-600:])
