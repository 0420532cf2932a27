"""Instar's own routes to direct gallery image versions: how machines behave on one, and how its copies get on.

There only when the simulated fleet is the compute. The path is `/instar/simulated` and the ARM id of the version.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from api.galleries import gallery_versions
from api.services.dependencies import Services, ServicesDep
from api.simulated.simulated import FleetDep, read_script, simulated_fleet
from api.stored.named import Named, path_of, reader
from api.stored.stored_resources import stored_resource, write_resource
from api.wire.bodies import JsonBody, described
from api.wire.errors import invalid
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.images import galleries
from instar.domain.images.galleries import Replica
from instar.domain.images.images import ImageReference
from instar.domain.images.regions import display_name, region_name

router = APIRouter(prefix="/instar/simulated", tags=["simulated fleet"])

Json = dict[str, Any]


VERSION = path_of(gallery_versions.ROUTES)
VersionDep = Annotated[Named, Depends(reader(gallery_versions.ROUTES))]


class Course(StrEnum):
    """What a copy is told to do."""

    REPLICATING = "Replicating"
    """To begin anew, and take its time."""
    HELD = "Held"
    """To make no progress."""
    COMPLETED = "Completed"
    FAILED = "Failed"


class Direction(BaseModel):
    """What is to become of the copy of a version in one region."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Course
    details: Annotated[str, Field(max_length=1000)] = "directed to fail"
    """Why a copy failed."""


@router.put(VERSION, openapi_extra=described({"neverHealthy": ["14"], "boot": "PT3S"}), response_model=None)
async def script_gallery_version(fleet: FleetDep, services: ServicesDep, named: VersionDep, body: JsonBody) -> Json:
    """Say how machines behave on a version of a gallery image; replaces what was said of it before."""
    script = read_script(VersionScript, body)
    stored = await stored_resource(services, named.name)
    fleet.script_version(ImageReference(id=stored.resource_id), script)
    return script.model_dump(mode="json")


@router.put(
    VERSION + "/replication/{region}",
    openapi_extra=described({"state": "Failed", "details": "no quota for another copy"}),
    dependencies=[Depends(simulated_fleet)],
    response_model=None,
)
async def direct_replication(
    services: ServicesDep, named: VersionDep, region: Annotated[str, Path(max_length=100)], body: JsonBody
) -> Json:
    """Let the copy in one region begin anew, be held, be complete, or fail. 400 for one that is no target region."""
    direction = read_script(Direction, body)
    stored = await stored_resource(services, named.name)
    copies = galleries.replicas(stored.document)
    copy = copies.get(region_name(region))
    if copy is None:
        raise invalid(f"'{region}' is not among the version's target regions.", "region")
    now = services.clock()
    copies[region_name(region)] = _directed(services, copy, direction, now)
    document = galleries.with_replicas(stored.document, copies)
    await write_resource(services, named.name, document, stored.etag)
    after = {one.region: one for one in galleries.replication(document, now)}[display_name(region)]
    return {"region": after.region, "state": after.state.value, "progress": after.progress, "details": after.details}


def _directed(services: Services, copy: Replica, direction: Direction, now: datetime) -> Replica:
    match direction.state:
        case Course.REPLICATING:
            return Replica(since=now, due=now + services.settings.delays.replication)
        case Course.HELD:
            return Replica(since=copy.since, due=copy.due, stopped_at=now)
        case Course.COMPLETED:
            return Replica(since=min(copy.since, now), due=now)
        case Course.FAILED:
            return Replica(since=copy.since, due=copy.due, stopped_at=now, failure=direction.details)
