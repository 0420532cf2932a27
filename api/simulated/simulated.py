"""Instar's own routes for the simulated fleet, there only when it is the compute: scripts, and the recorder's verdict.

With them a demonstration can be directed through HTTP alone. Properties are spelt `neverHealthy` or `never_healthy`;
durations are ISO 8601 or seconds.
"""

import asyncio
import re
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ValidationError

from api.services.dependencies import ServicesDep
from api.wire.bodies import JsonBody, described
from api.wire.errors import invalid, not_found
from api.wire.moments import moment
from api.wire.texts import check_texts
from instar.compute.simulated.file.scripts import ExtensionScript, FleetDefaults, VersionScript
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.flight.judgement import judge
from instar.domain.images.images import ImageReference

router = APIRouter(prefix="/instar/simulated", tags=["simulated fleet"])

VIOLATIONS_SHOWN = 100

Script = TypeVar("Script", bound=BaseModel)


async def simulated_fleet(services: ServicesDep) -> SimulatedFleet:
    """The fleet, if it is a simulated one; else 404."""
    if not isinstance(services.provider, SimulatedFleet):
        raise not_found("The machines here are no simulated ones.")
    return services.provider


FleetDep = Annotated[SimulatedFleet, Depends(simulated_fleet)]


@router.put(
    "/versions/{publisher}/{offer}/{sku}/{version}",
    openapi_extra=described({"neverHealthy": ["14"], "boot": "PT3S"}),
    response_model=None,
)
async def script_version(
    *,
    fleet: FleetDep,
    publisher: str,
    offer: str,
    sku: str,
    version: str,
    body: JsonBody,
) -> dict[str, Any]:
    """Say how machines behave on one exact image version; replaces what was said of it before."""
    script = read_script(VersionScript, body)
    fleet.script_version(ImageReference(publisher=publisher, offer=offer, sku=sku, version=version), script)
    return script.model_dump(mode="json")


@router.get("/defaults", response_model=None)
async def get_defaults(fleet: FleetDep) -> dict[str, Any]:
    """How long a swap and a boot take where no script says otherwise."""
    return fleet.defaults.model_dump(mode="json")


@router.put("/defaults", openapi_extra=described({"swap": "PT2S", "boot": "PT3S"}), response_model=None)
async def set_defaults(fleet: FleetDep, body: JsonBody) -> dict[str, Any]:
    """Set how long a swap and a boot take where no script says otherwise."""
    defaults = read_script(FleetDefaults, body)
    fleet.set_defaults(defaults)
    return defaults.model_dump(mode="json")


@router.put(
    "/extensions",
    openapi_extra=described({"scripts": [{"name": "setup", "fails": "exit code 1", "instances": ["0"]}]}),
    response_model=None,
)
async def script_extensions(fleet: FleetDep, body: JsonBody) -> dict[str, Any]:
    """Say how extensions behave on machines; replaces what was said of them before."""
    scripts = body.get("scripts")
    if not isinstance(scripts, list) or not all(isinstance(script, dict) for script in scripts):
        raise invalid("'scripts' must be a list of objects.", "scripts")
    read = [read_script(ExtensionScript, script) for script in scripts]
    fleet.script_extensions(*read)
    return {"scripts": [one.model_dump(mode="json") for one in read]}


@router.post("/expired-credentials", openapi_extra=described({"secret": "a-token-of-last-year"}), status_code=204)
async def expire_credential(fleet: FleetDep, body: JsonBody) -> None:
    """Let every extension fail from now on whose settings hold this text (F4); only its digest is kept."""
    secret = body.get("secret")
    if not isinstance(secret, str) or not secret:
        raise invalid("'secret' must be a string.", "secret")
    fleet.expire_credential(secret)


@router.get("/flight-record", response_model=None)
async def verdict_of_all(
    fleet: FleetDep,
    percent: Annotated[int, Query(alias="maxbatchinstancepercent", ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """The flight recorder's verdict on everything that ever happened to the fleet."""
    return await _verdict(fleet, percent, "")


@router.get("/flight-record/{uniqueId}", response_model=None)
async def verdict_of_scale_set(
    fleet: FleetDep,
    uniqueId: str,  # noqa: N803  # ARM's spelling, as in the scale set's properties
    percent: Annotated[int, Query(alias="maxbatchinstancepercent", ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """The flight recorder's verdict on one scale set, by its `properties.uniqueId`. 404 if nothing happened to it."""
    return await _verdict(fleet, percent, uniqueId)


async def _verdict(fleet: SimulatedFleet, percent: int, unique_id: str) -> dict[str, Any]:
    records = [record for record in fleet.recorder.records() if unique_id in ("", record.unique_id)]
    if unique_id and not records:
        raise not_found("The flight recorder knows no scale set of this uniqueId.")
    found = await asyncio.to_thread(judge, records, max_batch_percent=percent)
    return {
        "clean": found.clean,
        "mostOutAtOnce": found.most_out_at_once,
        "swapsPerInstance": found.swaps_per_instance,
        "swaps": found.swaps,
        "restores": found.restores,
        "givenBack": found.given_back,
        "dataDisksUnchanged": found.data_disks_unchanged,
        "records": len(records),
        "violations": [
            asdict(violation) | {"time": moment(violation.time), "instanceId": violation.instance_id}
            for violation in found.violations[:VIOLATIONS_SHOWN]
        ],
    }


def read_script(kind: type[Script], body: dict[str, Any]) -> Script:
    """What is scripted, in either spelling. Raises ArmError 400 that names the wrong property."""
    check_texts(body)
    try:
        return kind.model_validate({re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower(): body[key] for key in body})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise invalid(f"The value of '{path}' is invalid: {first['msg']}.", path) from None
    except OverflowError:
        raise invalid("A duration is out of range.") from None
