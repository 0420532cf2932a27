"""An application on a real store and the simulated fleet; Temporal's replies are scripted."""

import copy
import dataclasses
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import FastAPI

from api.access.guard import Access
from api.access.signing_keys import SigningKey
from api.app import create_app
from api.login.composition import access_from
from api.services.composition import services_from
from api.services.scale_set_gateway import ScaleSetGateway
from api.wire.errors import ArmError
from instar.compute.probing.reach import networks_of
from instar.compute.provider import MachineModel
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from instar.connection.client import connect
from instar.connection.sealed_payloads import SealedPayloads
from instar.connection.settings import Settings
from instar.domain.images.images import ImageReference
from instar.domain.messages.keepers import Keeps
from instar.domain.messages.updates import Update
from instar.domain.records.operations import OperationStatus
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.database.key_file import KeyFile
from instar.store.database.sealing import Sealer
from instar.store.sets.stored_scale_set import StoredScaleSet
from instar.store.store import Store
from tests.support.owner import OwnersToken
from tests.support.stores import open_store
from workflows.plugin import instar_plugin

SUBSCRIPTION = "00000000-0000-0000-0000-00000000000a"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Farm"
SCALE_SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
LOCATION = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westus2"
IMAGE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="latest")
OLD, NEW = "18.04.202401161", "18.04.202402010"

SECRETS = ("hunter2-admin", "aHVudGVyMi1jdXN0b20=", "hunter2-protected", "aHVudGVyMi11c2Vy")

HEALTH_EXTENSION: dict[str, Any] = {
    "name": "health",
    "properties": {
        "publisher": "Microsoft.ManagedServices",
        "type": "ApplicationHealthLinux",
        "typeHandlerVersion": "1.0",
        "settings": {"protocol": "http", "port": 80, "requestPath": "/", "intervalInSeconds": 5, "numberOfProbes": 1},
    },
}

SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net/subnets/front"
INTERFACE: dict[str, Any] = {
    "name": "nic",
    "properties": {
        "primary": True,
        "ipConfigurations": [{"name": "ip", "properties": {"subnet": {"id": SUBNET}}}],
    },
}

DOCUMENT = {
    "location": "West US 2",
    "tags": {"Service": "web"},
    "sku": {"name": "Standard_B2s", "tier": "Standard", "capacity": 3},
    "properties": {
        "upgradePolicy": {"mode": "Automatic"},
        "virtualMachineProfile": {
            "osProfile": {
                "computerNamePrefix": "web",
                "adminUsername": "operator",
                "adminPassword": SECRETS[0],
                "customData": SECRETS[1],
            },
            "userData": SECRETS[3],
            "storageProfile": {
                "imageReference": {
                    "publisher": "Canonical",
                    "offer": "UbuntuServer",
                    "sku": "18.04-LTS",
                    "version": "latest",
                },
                "osDisk": {"createOption": "FromImage", "managedDisk": {"storageAccountType": "Premium_LRS"}},
                "dataDisks": [{"lun": 0, "createOption": "Empty", "diskSizeGB": 10}],
            },
            "networkProfile": {"networkInterfaceConfigurations": [INTERFACE]},
            "extensionProfile": {
                "extensions": [
                    HEALTH_EXTENSION,
                    {
                        "name": "setup",
                        "properties": {
                            "publisher": "Microsoft.Azure.Extensions",
                            "type": "CustomScript",
                            "typeHandlerVersion": "2.1",
                            "settings": {"x": 1},
                            "protectedSettings": {"commandToExecute": SECRETS[2]},
                        },
                    },
                ],
            },
        },
    },
}

ENABLE = {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}}


def document(**changes: Any) -> dict[str, Any]:
    """The document of a good scale set; `a__b=value` sets a nested property, None removes it."""
    result = copy.deepcopy(DOCUMENT)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place: Any = result
        for key in parents:
            place = place.setdefault(key, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return result


class FixedClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, 0, 123_400, UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


@dataclass
class FakeGateway:
    """What Temporal would answer: accepts unless `error` is set, and remembers every message."""

    error: ArmError | None = None
    up: bool = True
    sent: list[tuple[ScaleSetIdentity, Update]] = field(default_factory=list)
    nudged: list[str] = field(default_factory=list)
    asked_about_disks: list[str] = field(default_factory=list)
    looks_again: list[int] = field(default_factory=list)
    """Numbers of upgrades that were told to."""
    begun: list[str] = field(default_factory=list)
    workflows: dict[str, str] = field(default_factory=dict)
    """Those that run: id and type."""
    told_to_move_on: list[str] = field(default_factory=list)
    in_hand: frozenset[str] | None = frozenset()
    closed: dict[int, str] = field(default_factory=dict)
    """Numbers of upgrades that Temporal does not run, and how they closed."""
    looked_at: list[str] = field(default_factory=list)
    begun_webhooks: list[str] = field(default_factory=list)
    keepers: list[Keeps] = field(default_factory=list)
    woken: int = 0
    """How often whoever looks for idle sets was told that there is something to look for."""

    async def look_at_webhooks(self, webhook_ids: Iterable[str]) -> None:
        self.looked_at += webhook_ids

    async def begin_webhooks(self, webhook_ids: Iterable[str]) -> None:
        self.begun_webhooks += webhook_ids

    async def begin_keepers(self, keepers: Iterable[Keeps]) -> None:
        self.keepers += keepers

    async def wake_looks(self) -> None:
        self.woken += 1

    async def send(self, scale_set: ScaleSetIdentity, message: Update) -> None:
        self.sent.append((scale_set, message))
        if self.error:
            raise self.error

    async def nudge(self, scale_set: ScaleSetIdentity, *, kept_disks: bool = False) -> bool:
        (self.asked_about_disks if kept_disks else self.nudged).append(scale_set.name)
        return self.up

    async def look_again(self, _scale_set: ScaleSetIdentity, number: int) -> bool:
        self.looks_again.append(number)
        return self.up

    async def alive(self) -> bool:
        return self.up

    async def begin(self, scale_set: ScaleSetIdentity) -> None:
        self.begun.append(scale_set.name)

    async def running(self) -> dict[str, str]:
        return self.workflows

    async def move_on(self, workflow_id: str) -> None:
        self.told_to_move_on.append(workflow_id)

    async def operations_in_hand(self, _scale_set: ScaleSetIdentity) -> frozenset[str] | None:
        return self.in_hand

    async def upgrade_closed(self, _scale_set: ScaleSetIdentity, number: int) -> str:
        return self.closed.get(number, "")

    @property
    def last(self) -> Any:
        return self.sent[-1][1]


@dataclass
class Api:
    """The application under test and all that is behind it."""

    app: FastAPI
    http: httpx.AsyncClient
    store: Store
    fleet: SimulatedFleet
    gateway: FakeGateway
    real_gateway: ScaleSetGateway
    clock: FixedClock
    access: Access

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        params = {"api-version": "2026-04-01"} | {name.replace("_", "$", 1): value for name, value in query.items()}
        if body is None:
            return await self.http.request(method, path, params=params)
        return await self.http.request(method, path, params=params, json=body)

    async def get(self, path: str, **query: Any) -> Any:
        response = await self.call("GET", path, **query)
        assert response.status_code == 200, response.text
        return response.json()

    async def create(self, path: str = SCALE_SET, **changes: Any) -> httpx.Response:
        """A scale set whose operation has ended, as the workflow would have ended it."""
        response = await self.call("PUT", path, document(**changes))
        assert response.status_code == 201, response.text
        self.end_operations()
        return response

    def end_operations(self) -> None:
        for _, message in self.gateway.sent:
            self.store.operations.end(message.operation_id, OperationStatus.SUCCEEDED, self.clock())

    def stored(self, path: str = SCALE_SET) -> StoredScaleSet:
        stored = self.store.scale_sets.find(path)
        assert stored is not None
        return stored

    async def add_machines(
        self, count: int, version: str = OLD, path: str = SCALE_SET, image: ImageReference = IMAGE
    ) -> None:
        """What the worker would make."""
        stored = self.stored(path)
        for number in range(count):
            model = MachineModel(generation=stored.machine_generation, data_disks=1)
            await self.fleet.create_instance(stored.identity, str(number), image.at(version), model)


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The ARM error of an answer; fails if it has none."""
    body = response.json()
    assert list(body) == ["error"], body
    error: dict[str, Any] = body["error"]
    assert isinstance(error["code"], str)
    assert error["code"]
    assert isinstance(error["message"], str)
    assert error["message"]
    return error


def trusting(api: Api, *proxies: str) -> None:
    """Believe these proxies from now on; the tests themselves ask from 127.0.0.1."""
    services = api.app.state.services
    settings = services.settings.model_copy(update={"trusted_proxies": networks_of(proxies)})
    api.app.state.services = dataclasses.replace(services, settings=settings)


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One for all: making it takes longer than most tests."""
    path = tmp_path_factory.mktemp("key") / "signing.key"
    SigningKey.from_file(path)
    return path.read_bytes()


@pytest.fixture(scope="session", autouse=True)
def each_key_is_read_once() -> Iterator[None]:
    """A key's PEM is checked for a tenth of a second at each reading, which every test would wait for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.access.signing_keys.load_pem_private_key", cache(load_pem_private_key))
        yield


@pytest.fixture(scope="session")
def applications() -> list[FastAPI]:
    """The one application of all tests, once the first of them has made it.

    FastAPI remembers the functions of every application for good: one for each test would fill the memory.
    """
    return []


@pytest.fixture
async def api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signing_key: bytes, applications: list[FastAPI]
) -> AsyncIterator[Api]:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    clock, gateway = FixedClock(), FakeGateway()
    store = open_store(tmp_path / "store.sqlite", Sealer.from_file(tmp_path / "keys"))
    fleet = SimulatedFleet(tmp_path / "fleet.sqlite", clock=clock, pace=NoPace())
    client = await connect([instar_plugin(SealedPayloads(KeyFile(tmp_path / "keys")))], lazy=True)
    settings = Settings(data_dir=tmp_path)
    settings.signing_key.touch(mode=0o600)
    settings.signing_key.write_bytes(signing_key)
    access = access_from(settings, store, clock)
    services = services_from(store, fleet, client, settings, access, clock=clock)
    real = services.gateway
    scripted: Any = gateway
    services = dataclasses.replace(services, gateway=scripted)
    if not applications:
        applications.append(create_app(services))
    [app] = applications
    app.state.services = services
    transport = httpx.ASGITransport(app=app)
    auth = OwnersToken(access)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test:8000", auth=auth) as http:
        yield Api(app, http, store, fleet, gateway, real, clock, access)
    await services.healths.close()
    fleet.close()
    store.close()
