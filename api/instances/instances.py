"""The machines of a scale set, read straight from the compute: neither a worker nor Temporal is needed (A4)."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from api.services.dependencies import SCALE_SET, ApiVersion, Services, ServicesDep
from api.services.paging import PagingDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.instance_bodies import instance_body, instance_view
from api.shapes.machine_profiles import MachineProfiles
from api.stored.stored_resources import shown
from api.wire.api_versions import INSTANCE as INSTANCE_MEMBERS
from api.wire.api_versions import INSTANCE_VIEW, shaped
from api.wire.errors import not_found
from api.wire.filters import EVERYTHING, Filter, read_filter
from api.wire.queries import wanted
from instar.domain.machines.instances import HealthObservation, Instance
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.health_sources import health_source_of
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["instances"])

INSTANCE = SCALE_SET + "/virtualMachines/{instanceId}"
IN_THE_LOOP = 500
"""Instances whose bodies are made between two other requests; more are made in a thread."""

Expand = Annotated[str, Query(alias="$expand", description="instanceView: health, power and disks as seen now")]
EXPANSIONS = ("instanceView", "userData", "resiliencyView")
"""userData is a secret and never shown (F5); of resiliency there is never anything to show."""

ALWAYS = ("name", "id", "type", "location", "instanceId")
"""What `$select` leaves of an instance in any case."""

BESIDE_A_VIEW = ("latestModelApplied", "hardwareProfile", "provisioningState")
"""What it leaves of `properties` beside the view that was selected."""

FILTERED = (
    *("instanceId", "name", "id", "location", "zones", "sku", "etag"),
    *("properties/latestModelApplied", "properties/modelDefinitionApplied", "properties/vmId"),
    *("properties/provisioningState", "properties/storageProfile", "properties/protectionPolicy"),
    *("properties/timeCreated", "properties/instanceView", "instanceView", "instar", "tags"),
    *("properties/hardwareProfile", "properties/osProfile", "properties/networkProfile"),
    "properties/networkProfileConfiguration",
)
"""What `$filter` may look at, with all below it."""

SELECTED = ("instanceView", "instanceView/statuses", "properties", "sku", "zones", "etag", "instar")
InstanceId = Annotated[str, Path(alias="instanceId")]


@router.get(SCALE_SET + "/virtualMachines", response_model=None)
async def list_instances(
    *,
    services: ServicesDep,
    stored: StoredDep,
    paging: PagingDep,
    api_version: ApiVersion,
    expand: Expand = "",
    filter_: Annotated[str, Query(alias="$filter", description="properties/latestModelApplied eq false")] = "",
    select: Annotated[str, Query(alias="$select", description=", ".join(SELECTED))] = "",
) -> dict[str, Any]:
    """A page of the instances, in the order of their ids; `$filter` and `$select` as far as they are understood."""
    chosen = read_filter(filter_, FILTERED)
    selected = wanted("$select", select, SELECTED)
    expanded = _wants_view(expand) or any(one.startswith("instanceview") for one in selected)
    instances: Sequence[Instance] = await services.provider.list_instances(stored.identity)
    if chosen is not EVERYTHING:
        instances = await _filtered(services, stored, instances, chosen)
    page = paging.page(instances, lambda one: (int(one.instance_id),))
    healths = await _healths(services, stored, page.items) if expanded else {}
    now, profiles = services.clock(), MachineProfiles(stored)

    def bodies() -> list[dict[str, Any]]:
        made = (
            instance_body(stored, item, healths.get(item.instance_id), expanded=expanded, now=now, profiles=profiles)
            for item in page.items
        )
        return [_selected(shaped(one, INSTANCE_MEMBERS, api_version), selected) for one in made]

    return page.answer(await asyncio.to_thread(bodies) if len(page.items) > IN_THE_LOOP else bodies())


@router.get(INSTANCE, response_model=None)
async def get_instance(
    services: ServicesDep,
    stored: StoredDep,
    instance_id: InstanceId,
    api_version: ApiVersion,
    expand: Expand = "",
) -> Response:
    """One instance."""
    expanded = _wants_view(expand)
    instance = await existing_instance(services, stored, instance_id)
    health = (await _healths(services, stored, [instance])).get(instance.instance_id) if expanded else None
    body = instance_body(stored, instance, health, expanded=expanded, now=services.clock())
    return shown(shaped(body, INSTANCE_MEMBERS, api_version))


@router.get(INSTANCE + "/instanceView", response_model=None)
async def get_instance_view(
    services: ServicesDep, stored: StoredDep, instance_id: InstanceId, api_version: ApiVersion
) -> dict[str, Any]:
    """What is seen of one instance now: health with its time, power, disks."""
    instance = await existing_instance(services, stored, instance_id)
    health = (await _healths(services, stored, [instance])).get(instance.instance_id)
    return shaped(instance_view(stored, instance, health, services.clock()), INSTANCE_VIEW, api_version)


async def existing_instance(services: Services, stored: StoredScaleSet, instance_id: str) -> Instance:
    """Raises ArmError 404 NotFound."""
    for instance in await services.provider.list_instances(stored.identity):
        if instance.instance_id == instance_id:
            return instance
    raise not_found(target=f"{stored.identity.name}/virtualMachines/{instance_id}")


async def _healths(
    services: Services, stored: StoredScaleSet, instances: Iterable[Instance]
) -> dict[str, HealthObservation]:
    model = ScaleSetModel.from_arm(stored.document, stored.generation)
    source = await asyncio.to_thread(health_source_of, services.store, model)
    return await services.healths.of(stored.identity, source, instances)


def _wants_view(expand: str) -> bool:
    return "instanceview" in wanted("$expand", expand, EXPANSIONS)


async def _filtered(
    services: Services, stored: StoredScaleSet, instances: Iterable[Instance], chosen: Filter
) -> list[Instance]:
    """Those that the filter holds for. Health is looked at only where it asks for it."""
    there = list(instances)
    healths = await _healths(services, stored, there) if chosen.looks_at("vmHealth") else {}
    now, profiles = services.clock(), MachineProfiles(stored)

    def holds(one: Instance) -> bool:
        health = healths.get(one.instance_id)
        return chosen.holds(instance_body(stored, one, health, expanded=True, now=now, profiles=profiles))

    return await asyncio.to_thread(lambda: [instance for instance in there if holds(instance)])


def _selected(body: dict[str, Any], selected: frozenset[str]) -> dict[str, Any]:
    """What was selected of an instance, and what tells which one it is; all of it where nothing was."""
    if not selected:
        return body
    result = {key: value for key, value in body.items() if key in ALWAYS or key in selected}
    if "properties" not in selected and (view := body["properties"].get("instanceView")):
        whole = "instanceview" in selected
        beside = {key: value for key, value in body["properties"].items() if key in BESIDE_A_VIEW}
        result["properties"] = beside | {"instanceView": view if whole else {"statuses": view["statuses"]}}
    return result
