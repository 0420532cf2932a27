"""`rollingUpgrades/latest` beside a bare route; the time of one request over the other's."""

import asyncio
import tempfile
from pathlib import Path

from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from tests.bench import requests
from tests.bench.figures import Figures, milliseconds, per_second, ratio, told
from tests.bench.part import Part
from tests.bench.site import site, stack
from tests.bench.stacks import PREFIX

MACHINES = 100


def measure(_: int) -> Figures:
    """After an upgrade, so that there is something to tell."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, stack(Path(name)) as (ports, _worker):

        async def prepare() -> str:
            async with site(Path(name)) as one:
                scale_set = await one.has_set("one", MACHINES)
                await one.booted()
                await one.start(scale_set)
                await one.ended(scale_set)
                return scale_set.resource_id

        path = asyncio.run(prepare()) + "/rollingUpgrades/latest?api-version=2024-11-01"
        with ApiClient(Login.read(Path(name) / "data" / FILE)) as client:
            token = client.token()
        with requests.bare_route() as bare_port:
            bare = asyncio.run(requests.pace(bare_port, "/bare"))
            latest = asyncio.run(requests.pace(ports.api, path, token))
    return {
        "latest_over_bare_route": ratio(bare.per_second / latest.per_second),
        "latest_per_second": per_second(latest.per_second),
        "latest_p99_ms": milliseconds(latest.p99_ms),
        "bare_per_second": told(bare.per_second, "1/s"),
        "bare_p99_ms": told(bare.p99_ms, "ms"),
    }


PART = Part(
    name="api",
    help="requests to `rollingUpgrades/latest`, beside those to a route that does nothing",
    measure=measure,
    quick=(0,),
    bounds={"latest_over_bare_route": 3},
)
