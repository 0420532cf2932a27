"""The machines of a scale set, read straight from the compute: neither a worker nor Temporal is needed (A4)."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api.api_versions import INSTANCE as INSTANCE_MEMBERS
from api.api_versions import INSTANCE_VIEW, shaped
from api.dependencies import SCALE_SET, ApiVersion, Services, ServicesDep
from api.errors import not_found
from api.instance_bodies import instance_body, instance_view
from api.scale_set_lookup import StoredDep
from domain.instances import HealthObservation, Instance
from domain.scale_sets import ScaleSetModel
from store.health_sources import health_source_of
from store.scale_sets import StoredScaleSet

router = APIRouter(tags=["instances"])

INSTANCE = SCALE_SET + "/virtualMachines/{instanceId}"
IN_THE_LOOP = 500
"""Instances whose bodies are made between two other requests; more are made in a thread."""

Expand = Annotated[str, Query(alias="$expand", description="instanceView: health, power and disks as seen now")]
InstanceId = Annotated[str, Path(alias="instanceId")]


@router.get(SCALE_SET + "/virtualMachines", response_model=None)
async def list_instances(
    services: ServicesDep, stored: StoredDep, api_version: ApiVersion, expand: Expand = ""
) -> dict[str, Any]:
    """Every instance, in the order of its id."""
    instances = await services.provider.list_instances(stored.identity)
    expanded = _wants_view(expand)
    healths = await _healths(services, stored, instances) if expanded else {}
    now = services.clock()

    def bodies() -> list[dict[str, Any]]:
        ordered = sorted(instances, key=lambda one: int(one.instance_id))
        made = (instance_body(stored, one, healths.get(one.instance_id), expanded=expanded, now=now) for one in ordered)
        return [shaped(one, INSTANCE_MEMBERS, api_version) for one in made]

    return {"value": await asyncio.to_thread(bodies) if len(instances) > IN_THE_LOOP else bodies()}


@router.get(INSTANCE, response_model=None)
async def get_instance(
    services: ServicesDep,
    stored: StoredDep,
    instance_id: InstanceId,
    api_version: ApiVersion,
    expand: Expand = "",
) -> dict[str, Any]:
    """One instance."""
    instance = await existing_instance(services, stored, instance_id)
    expanded = _wants_view(expand)
    health = (await _healths(services, stored, [instance])).get(instance.instance_id) if expanded else None
    body = instance_body(stored, instance, health, expanded=expanded, now=services.clock())
    return shaped(body, INSTANCE_MEMBERS, api_version)


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
    return "instanceview" in (part.strip().lower() for part in expand.split(","))
