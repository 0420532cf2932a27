"""An application in which every kind of resource has one that is there, and goes back to that after each change."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instar.domain.records.progress import Counts
from instar.domain.records.upgrades import UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.wishes import Hold
from instar.store.steering.named import wished
from instar.store.steering.rollout_policies import DEFAULT
from tests.api.conftest import GROUP, IMAGE, NEW, OLD, SCALE_SET, SUBNET, SUBSCRIPTION, Api
from tests.api.galleries.gallery import make_image, publish
from tests.api.test_nonsense import GOOD
from tests.support.receivers import has_webhook

PROBE = {"name": "web", "properties": {"protocol": "Tcp", "port": 80}}
OTHERS: dict[str, dict[str, Any]] = {
    "Microsoft.Network/loadBalancers/front": {"properties": {"probes": [PROBE]}},
    "Microsoft.Network/virtualNetworks/net": {"properties": {"subnets": [{"name": "one", "properties": {}}]}},
    "Microsoft.ServiceFabric/clusters/Main": {
        "properties": {"nodeTypes": [{"name": "front", "durabilityLevel": "Silver"}]},
    },
}
TEMPLATE = {"properties": {"mode": "Incremental", "template": {"resources": []}, "parameters": {}}}
KEPT = ("storageAccounts/kept", "storageAccounts/kept/subnets/one", "storageAccounts/kept/subnets/one/parts/one")
"""What Instar has no use for, and what is below it; the words are those of `GOOD`."""


class Snapshot:
    """A database file as it was at one moment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept = sqlite3.connect(":memory:", check_same_thread=False)
        with contextlib.closing(sqlite3.connect(path)) as there:
            there.backup(self._kept)

    def restore(self) -> None:
        with contextlib.closing(sqlite3.connect(self.path)) as there:
            self._kept.backup(there)

    def close(self) -> None:
        self._kept.close()


@dataclass(frozen=True)
class Inhabited:
    """What is there: for each parameter of a path the name of something."""

    api: Api
    names: dict[str, str]
    snapshots: tuple[Snapshot, ...]

    @property
    def headers(self) -> dict[str, str]:
        request = self.api.http.build_request("GET", "/")
        next(self.api.http.auth.auth_flow(request))  # type: ignore[union-attr]
        return {"Authorization": request.headers["Authorization"]}

    def restore(self) -> None:
        """Whatever was changed or deleted is as it was."""
        self.api.gateway.sent.clear()
        for one in self.snapshots:
            one.restore()

    def close(self) -> None:
        for one in self.snapshots:
            one.close()


async def inhabited(api: Api, directory: Path) -> Inhabited:
    """Fill an application; `directory` is where its databases are."""
    ip = {"name": "ip", "properties": {"subnet": {"id": SUBNET}}}
    interface = {"name": "nic", "properties": {"primary": True, "ipConfigurations": [ip]}}
    network = {"networkInterfaceConfigurations": [interface]}
    await api.create(properties__virtualMachineProfile__networkProfile=network)
    await api.add_machines(2)
    operation = api.gateway.last.operation_id
    for version in (OLD, NEW):
        api.store.images.publish("Canonical", "UbuntuServer", "18.04-LTS", version, "westus2", {}, api.clock())
    await make_image(api)
    await publish(api, "1.0.0")
    for path, body in OTHERS.items():
        answer = await api.call("PUT", f"{GROUP}/providers/{path}", {"location": "westus2", **body})
        assert answer.status_code == 201, answer.text
    answer = await api.call("PUT", f"{GROUP}/providers/Microsoft.Resources/deployments/first", TEMPLATE)
    assert answer.status_code == 201, answer.text
    for unique_id in (DEFAULT, api.stored().identity.unique_id):
        api.store.rollout_policies.put(unique_id, RolloutPolicy(waves=(1,)), "owner", api.clock(), "", lambda _: None)
    has_webhook(api.store, "https://hooks.example.com/hook", api.clock())
    _add_kept(api)
    _add_upgrade(api)
    for kept, name, wish in (
        (api.store.turns.limits, "all", {"scope": f"{GROUP}2", "upgradesAtOnce": 1}),
        (api.store.rings.documents, "fleet", {"rings": [{"tag": {"name": "ring", "value": "1"}}]}),
    ):
        kept.put(wished(name, wish, api.clock(), "ann", ""), lambda _: None)
    api.store.wishes.hold(Hold(name="freeze", scope=f"{GROUP}2", reason="r", by="ann", since=api.clock()), 10)
    names = GOOD | {"operationId": operation, "uniqueId": api.stored(SCALE_SET).identity.unique_id}
    files = (directory / "store.sqlite", directory / "fleet.sqlite")
    return Inhabited(api, names, tuple(Snapshot(one) for one in files))


def _add_kept(api: Api) -> None:
    for word in KEPT:
        kind = "/".join(["Microsoft.Storage", *word.split("/")[::2]])
        whole = f"{GROUP}/providers/Microsoft.Storage/{word}"
        parent = whole.rsplit("/", maxsplit=2)[0] if kind.count("/") > 1 else ""
        api.store.resources.put(
            kind, whole, SUBSCRIPTION, "Farm", {"location": "westus2"}, api.clock(), parent_id=parent
        )


def _add_upgrade(api: Api) -> None:
    api.store.upgrades.write(
        UpgradeRecord(
            scale_set=api.stored().identity,
            number=1,
            operation_id="",
            started_by=StartedBy.PLATFORM,
            target=IMAGE.at(NEW),
            generation=1,
            policy=RollingUpgradePolicy(),
            status=UpgradeStatus.COMPLETED,
            started_at=api.clock(),
            ended_at=api.clock(),
            counts=Counts(successful=2),
        )
    )
