"""Every machine of a set in a word, in little space, and one machine's part in each upgrade: Instar's addition (P17).

Machines that are told alike stand together, as ranges of their ids: ten thousand machines take a few kilobytes.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.overviews.bodies import upgrade_body
from api.overviews.machines import health_counts
from api.services.dependencies import SCALE_SET, ServicesDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.upgrade_policies import policy_body
from api.upgrades.looking import NOT_OBSERVED, seen
from api.wire.errors import not_found
from api.wire.moments import moment
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance, InstanceView
from instar.domain.records.machine_doing import Doing, Part, doing_of
from instar.domain.records.operation_keys import operation_key
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeKind, UpgradeRecord
from instar.domain.sets.policies import StartedBy, policy_in_force
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.health_sources import health_source_of
from instar.store.upgrades import InstanceRow

router = APIRouter(tags=["overviews"])

MACHINES = SCALE_SET + "/instar/machines"
TYPE = "Microsoft.Compute/virtualMachineScaleSets/instar"
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
UPGRADES_TOLD = 10
"""Of one machine: its part in so many of the newest upgrades."""

Json = dict[str, Any]
InstanceId = Annotated[str, Path(alias="instanceId")]


@router.get(MACHINES, response_model=None)
async def machines(services: ServicesDep, stored: StoredDep) -> Json:
    """What every machine of a set is doing, by groups of those that are told alike, with their ids as ranges.

    `doing` is one word for its part in the newest rolling upgrade and how it is now; `batch` is of that upgrade,
    0 of those in none. `policy` and the limit in `health` are those in force. 503 where the compute does not list them.
    """
    model = ScaleSetModel.from_arm(stored.document, stored.generation)
    source = await asyncio.to_thread(health_source_of, services.store, model)
    found = await seen(services, stored, source)
    unique_id = stored.identity.unique_id
    record = await asyncio.to_thread(services.store.upgrades.latest, unique_id)
    rows = await asyncio.to_thread(services.store.upgrades.instances, unique_id, record.number) if record else {}
    policy = model.upgrade_policy
    starts = StartedBy.PLATFORM if policy.automatic.enable_automatic_os_upgrade else StartedBy.USER
    in_force = record.policy if record and not record.status.ended else policy_in_force(policy, starts)

    def told() -> list[Json]:
        return grouped(found.look.views, record, rows)

    properties: Json = {
        "takenAt": moment(found.look.taken_at),
        "notObserved": found.unobserved,
        "health": health_counts(found.look, in_force).body(),
        "policy": policy_body(in_force),
        "groups": await asyncio.to_thread(told),
    }
    if record:
        properties["upgrade"] = record.number
    return {"id": f"{stored.identity.resource_id}/instar/machines", "name": "machines", "type": TYPE} | {
        "properties": properties
    }


@router.get(MACHINES + "/{instanceId}", response_model=None)
async def machine(services: ServicesDep, stored: StoredDep, instance_id: InstanceId) -> Json:
    """What became of one machine in the newest upgrades of its set, the newest first; it may be gone by now.

    404 of one that is not there and was in none of them.
    """
    unique_id = stored.identity.unique_id
    if not _ID.fullmatch(instance_id):
        raise not_found(target=f"{stored.identity.name}/virtualMachines/{instance_id[:60]}")
    upgrades = services.store.upgrades
    rows = await asyncio.to_thread(upgrades.of_instance, unique_id, int(instance_id), UPGRADES_TOLD)
    if not rows:
        there = await services.provider.list_instances(stored.identity)
        if not any(one.instance_id == instance_id for one in there):
            raise not_found(target=f"{stored.identity.name}/virtualMachines/{instance_id[:60]}")
    return {
        "id": f"{stored.identity.resource_id}/instar/machines/{instance_id}",
        "name": instance_id,
        "type": f"{TYPE}/machines",
        "properties": {
            "upgrades": [
                {
                    **_without_counts(upgrade_body(record, None, None)["properties"]),
                    "outcome": row.outcome,
                    "batch": row.batch,
                    "reason": row.reason,
                }
                for record, row in rows
            ]
        },
    }


def grouped(views: Iterable[InstanceView], record: UpgradeRecord | None, rows: Mapping[str, InstanceRow]) -> list[Json]:
    """The groups, by the word that they have in common; those too that left the set while the upgrade runs."""
    part_of = _parts(record)
    found: dict[_Alike, list[str]] = {}
    there = set[str]()
    for view in views:
        one, row = view.instance, rows.get(view.instance_id)
        there.add(view.instance_id)
        alike = _Alike(
            doing=doing_of(part_of(view, row)),
            batch=row.batch if row and row.outcome != Outcome.SKIPPED else 0,
            version=one.os_disk.image.version if one.os_disk else "",
            health=view.health.state.value,
            zone=one.zone,
            update_domain=one.update_domain,
            protected=one.protected,
        )
        found.setdefault(alike, []).append(view.instance_id)
    for instance_id, row in rows.items() if record and not record.status.ended else ():
        if instance_id not in there:
            found.setdefault(_Alike(doing=Doing.VANISHED, batch=row.batch), []).append(instance_id)
    order = {doing: index for index, doing in enumerate(Doing)}
    return [
        alike.body(ids)
        for alike, ids in sorted(found.items(), key=lambda pair: (order[pair[0].doing], pair[0].batch, int(pair[1][0])))
    ]


@dataclass(frozen=True, slots=True)
class _Alike:
    """What machines of a group have in common."""

    doing: Doing
    batch: int
    version: str = ""
    health: str = ""
    zone: str = ""
    update_domain: int = 0
    protected: bool = False

    def body(self, ids: Iterable[str]) -> Json:
        """As it is shown."""
        ranges = InstanceIds.of(ids)
        body: Json = {
            "doing": self.doing.value,
            "count": len(ranges),
            "instances": ranges.ranges,
            "batch": self.batch,
            "updateDomain": self.update_domain,
        }
        told = {"version": self.version, "health": self.health, "zone": self.zone, "protected": self.protected}
        return body | {name: value for name, value in told.items() if value}


def _parts(record: UpgradeRecord | None) -> Callable[..., Part]:
    key = operation_key(record.scale_set.unique_id, record.number, record.key) if record else ""

    def part_of(view: InstanceView, row: InstanceRow | None) -> Part:
        one = view.instance
        return Part(
            standing=view.standing,
            outcome=Outcome(row.outcome) if row else None,
            runs=record is not None and not record.status.ended,
            on_new_disk=record is not None and _has_its_disk(one, record, key),
            on_target=record is not None and _is_on_target(one, record),
            protected=one.protected,
            moved_since=record is not None and one.last_operation > record.number,
            looked_at=view.health.detail != NOT_OBSERVED,
        )

    return part_of


def _has_its_disk(one: Instance, record: UpgradeRecord, key: str) -> bool:
    if record.way_back is not None:
        return record.way_back.is_back(one)
    return one.os_disk is not None and one.os_disk.made_by == key


def _is_on_target(one: Instance, record: UpgradeRecord) -> bool:
    if record.kind is UpgradeKind.MODEL_CHANGE:
        return one.generation == record.generation
    if record.way_back is not None:
        return record.way_back.is_back(one)
    return one.os_disk is not None and one.os_disk.image.same_as(record.target)


def _without_counts(properties: Json) -> Json:
    return {name: value for name, value in properties.items() if name not in ("progress", "error")}
