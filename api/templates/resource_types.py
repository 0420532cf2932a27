"""Which resource types a template can make here, and how each is made: as a PUT of it would."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from api.dependencies import ScaleSetPath, Services
from api.load_balancers import make_load_balancer
from api.model_changes import change_model
from api.networks import KINDS, NAMESPACE
from api.preconditions import NONE
from api.service_fabric_clusters import TYPE as CLUSTERS
from api.service_fabric_clusters import make_cluster
from api.stored_resources import (
    ResourceName,
    checked_name,
    merged_document,
    resource_body,
    stored_resource,
    write_resource,
)
from api.templates.coercion import coerced
from api.templates.planned import Planned
from api.wire import scale_set_body
from domain.load_balancers import LOAD_BALANCER

Json = dict[str, Any]
Make = Callable[[Services, Planned, Json], Awaitable[str]]
"""Makes a resource from its document; gives the id of the operation that ends with it, "" if it is made at once."""

SCALE_SETS = "Microsoft.Compute/virtualMachineScaleSets"
NAT_RULES = f"{LOAD_BALANCER}/inboundNatRules"


async def _scale_set(services: Services, planned: Planned, document: Json) -> str:
    _, _, subscription_id, _, group, *_ = planned.resource_id.split("/")
    path = ScaleSetPath(subscription_id, group, planned.names[-1])
    change = await change_model(services, path, coerced(document), NONE, create=True)
    return change.operation.id


async def _load_balancer(services: Services, planned: Planned, document: Json) -> str:
    await make_load_balancer(services, _name(planned, LOAD_BALANCER), coerced(document))
    return ""


async def _nat_rule(services: Services, planned: Planned, document: Json) -> str:
    """A part of its load balancer, whose document has it in a list: the one of that name is replaced."""
    *balancer, name = planned.names
    _, _, subscription_id, _, group, *_ = planned.resource_id.split("/")
    which = ResourceName(LOAD_BALANCER, subscription_id, group, tuple(balancer))
    had = (await stored_resource(services, which)).document
    properties = had.get("properties") or {}
    given = properties.get("inboundNatRules")
    rules = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    others = [one for one in rules if str(one.get("name")).lower() != name.lower()]
    rule = {"name": checked_name(name, "name"), "properties": document.get("properties") or {}}
    await make_load_balancer(services, which, had | {"properties": properties | {"inboundNatRules": [*others, rule]}})
    return ""


async def _cluster(services: Services, planned: Planned, document: Json) -> str:
    await make_cluster(services, _name(planned, CLUSTERS), document)
    return ""


async def _kept(services: Services, planned: Planned, document: Json) -> str:
    which = _name(planned, planned.type)
    await write_resource(services, which, await merged_document(services, which, document, create=True))
    return ""


def _name(planned: Planned, spelling: str) -> ResourceName:
    """Raises ArmError 400 for a name that a PUT would refuse."""
    _, _, subscription_id, _, group, *_ = planned.resource_id.split("/")
    return ResourceName(spelling, subscription_id, group, tuple(checked_name(name, "name") for name in planned.names))


MAKERS: dict[str, Make] = {
    SCALE_SETS.lower(): _scale_set,
    LOAD_BALANCER.lower(): _load_balancer,
    NAT_RULES.lower(): _nat_rule,
    CLUSTERS.lower(): _cluster,
    **{f"{NAMESPACE}/{kind}".lower(): _kept for kind in KINDS},
}

TYPES = (SCALE_SETS, LOAD_BALANCER, NAT_RULES, CLUSTERS, *(f"{NAMESPACE}/{kind}" for kind in KINDS))


def looked_up(services: Services, resource_id: str) -> Json | None:
    """A resource as `reference` sees it. Synchronous: expressions are evaluated in a thread."""
    stored = services.store.scale_sets.find(resource_id)
    if stored is not None:
        return scale_set_body(stored, "Succeeded")
    kept = services.store.resources.find(resource_id)
    return None if kept is None else resource_body(kept)


async def made(services: Services, planned: Planned) -> str:
    """Make one resource; the id of its operation, "" if there is none. Raises ArmError, TemplateError."""
    document = await asyncio.to_thread(planned.document, lambda one: looked_up(services, one))
    return await MAKERS[planned.type.lower()](services, planned, document)
