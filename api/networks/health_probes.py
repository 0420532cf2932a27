"""Scale sets and the load balancers' probes that they name: one must be there as long as the other names it (H3)."""

import asyncio

from api.services.dependencies import Services
from api.wire.errors import ArmError
from instar.domain.health.load_balancers import ProbeId, probe_settings
from instar.domain.health.sources import SourceKind
from instar.domain.sets.scale_sets import ScaleSetModel

_IN_USE = (
    "Load balancer rule {balancer}/loadBalancingRules/{rule} cannot be removed because the rule references the load "
    "balancer probe {balancer}/probes/{probe} that is used as health probe by VM scale set {scale_set}. To remove this "
    "rule, please update VM scale set to remove the reference to the probe."
)
RULES = "properties.loadBalancingRules"
HEALTH_PROBE = "properties.virtualMachineProfile.networkProfile.healthProbe.id"


async def check_probe(services: Services, scale_set_id: str, location: str, model: ScaleSetModel) -> None:
    """Raises ArmError 400 for a probe that does not exist in the set's own subscription and region."""
    for source in model.health_sources:
        if source.kind is SourceKind.LOAD_BALANCER:
            await _check(services, scale_set_id, location, source.name)


async def _check(services: Services, scale_set_id: str, location: str, probe_id: str) -> None:
    named = ProbeId.read(probe_id)
    if named is None:
        message = (
            f"Property id '{probe_id}' at path '{HEALTH_PROBE}' is invalid. Expect the id of a load balancer's probe: "
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/loadBalancers/{name}"
            "/probes/{probe}."
        )
        raise ArmError(400, "LinkedInvalidPropertyId", message, target=HEALTH_PROBE)
    found = await asyncio.to_thread(services.store.resources.find, named.load_balancer)
    same_subscription = named.subscription.lower() == scale_set_id.split("/")[2].lower()
    if (
        found is None
        or not same_subscription
        or found.document["location"] != location
        or probe_settings(found.document, named.probe) is None
    ):
        message = (
            f"Resource {probe_id} referenced by resource {scale_set_id} was not found. Please make sure that the "
            "referenced resource exists, and that both resources are in the same region."
        )
        raise ArmError(400, "InvalidResourceReference", message, target=HEALTH_PROBE)
