"""What may not be taken away: a network resource, or a part of one, that something still names (docs/rules.md H3)."""

from collections.abc import Iterable
from typing import Any

from api.networks.uses import Use, named_in, uses_of
from api.services.dependencies import Services
from api.stored.kinds import Draft, Part
from api.stored.parts import is_named
from api.stored.stored_resources import ResourceName
from api.wire.errors import ArmError
from api.wire.properties import at
from instar.domain.access import is_within

Json = dict[str, Any]

PART_CODES = {
    "subnets": ("InUseSubnetCannotBeDeleted", "Subnet {name} is in use by {by} and cannot be deleted."),
    "probes": (
        "InUseLoadBalancerProbeCannotBeDeleted",
        "Load balancer probe {id} cannot be deleted because it is in use by virtual machine scale set {by}.",
    ),
}
"""Azure's code and sentence for a list of parts; the rest have `OTHER_PART`."""

OTHER_PART = ("InUse{Noun}CannotBeDeleted", "Cannot remove {noun} {name} from {whole} since it is in use by {by}.")

WHOLE_CODES = {
    "networksecuritygroups": (
        "InUseNetworkSecurityGroupCannotBeDeleted",
        "Network security group {id} cannot be deleted because it is in use by the following resources: {by}.",
    ),
    "routetables": ("InUseRouteTableCannotBeDeleted", "Route table {id} is in use by {by} and cannot be deleted."),
    "publicipaddresses": (
        "PublicIPAddressCannotBeDeleted",
        "Public IP address {id} can not be deleted since it is still allocated to resource {by}.",
    ),
    "publicipprefixes": (
        "InUsePublicIpPrefixCannotBeDeleted",
        "Public IP prefix {id} cannot be deleted because it is in use by {by}.",
    ),
    "natgateways": (
        "InUseNatGatewayCannotBeDeleted",
        "NAT gateway {id} cannot be deleted because it is in use by {by}.",
    ),
    "applicationsecuritygroups": (
        "InUseApplicationSecurityGroupCannotBeDeleted",
        "Application security group {id} cannot be deleted because it is in use by {by}.",
    ),
}
SET_CODES = {
    "networksecuritygroups": (
        "NetworkSecurityGroupInUseByVirtualMachineScaleSet",
        "Cannot delete network security group {id} since it is in use by virtual machine scale set {by}.",
    ),
    "loadbalancers": (
        "LoadBalancerInUseByVirtualMachineScaleSet",
        "Cannot delete load balancer {id} since its child resources {parts} are in use by the scale set {by}.",
    ),
}
"""Where a scale set is what names it."""


async def refuse_part_in_use(draft: Draft, document: Json, parts: Iterable[Part]) -> None:
    """Raises ArmError where a part that was there is left out, and something names it.

    409 with Azure's code; 400 where the same document goes on to name it.
    """
    gone = [(part, kept) for part in parts for kept in _gone(draft, document, part)]
    if not gone:
        return
    whole = draft.name.resource_id
    uses = await uses_of(draft.services, draft.name.subscription_id, whole)
    for part, kept in gone:
        name = str(kept.get("name"))
        part_id = f"{whole}/{part.name}/{name}"
        for use in uses:
            if is_within(use.used, part_id):
                raise _part_in_use(part, name, part_id, use, whole)
        _refuse_rule_of_probe(part, kept, part_id, uses)
        _refuse_named_by_itself(document, whole, part_id)


async def refuse_in_use(services: Services, name: ResourceName) -> None:
    """Raises ArmError 409 for a resource that something names, or a part of."""
    whole = name.resource_id
    uses = await uses_of(services, name.subscription_id, whole)
    if not uses:
        return
    use, word = uses[0], name.type.rpartition("/")[2].lower()
    below = use.used[len(whole) :].strip("/").split("/")
    if word == "virtualnetworks" and len(below) > 1:
        raise _in_use(PART_CODES["subnets"], name=below[1], by=use.by)
    codes = SET_CODES if use.by_scale_set and word in SET_CODES else WHOLE_CODES
    other = ("InUseResourceCannotBeDeleted", "Resource {id} cannot be deleted because it is in use by {by}.")
    used = [one.used[len(whole) :].strip("/").split("/") for one in uses if one.by == use.by]
    shown = ", ".join(dict.fromkeys(words[1] for words in used if len(words) > 1))
    raise _in_use(codes.get(word, other), id=whole, by=use.by, parts=shown)


def _gone(draft: Draft, document: Json, part: Part) -> list[Json]:
    """The parts of a list that were there and are not in the new document."""
    if draft.had is None or part.fixed is not None:
        return []
    stay = (document.get("properties") or {}).get(part.name) or []
    return [kept for kept in part.of(draft.had) if not any(is_named(new, str(kept.get("name"))) for new in stay)]


def _part_in_use(part: Part, name: str, part_id: str, use: Use, whole: str) -> ArmError:
    by = f"virtual machine scale set {use.by}" if use.by_scale_set and part.name not in PART_CODES else use.by
    noun = part.noun
    named = "".join(word[:1].upper() + word[1:] for word in noun.split())
    code, sentence = PART_CODES.get(part.name, OTHER_PART)
    words = (code.format(Noun=named), sentence)
    return _in_use(words, f"properties.{part.name}", id=part_id, name=name, noun=noun, by=by, whole=whole)


def _refuse_rule_of_probe(part: Part, kept: Json, rule_id: str, uses: Iterable[Use]) -> None:
    """A rule must stay as long as a set's health comes from the rule's probe."""
    probe = at(kept, "properties.probe.id")
    if part.name != "loadBalancingRules" or not isinstance(probe, str):
        return
    for use in uses:
        if use.by_scale_set and use.used.lower() == probe.lower():
            message = (
                f"Load balancer rule {rule_id} cannot be removed because the rule references the load balancer probe "
                f"{probe} that is used as health probe by VM scale set {use.by}. To remove this rule, please change "
                "the VM scale set so that it does not name the probe."
            )
            raise ArmError(400, "CannotRemoveRuleUsedByProbeUsedByVMSS", message, target=f"properties.{part.name}")


def _refuse_named_by_itself(document: Json, whole: str, part_id: str) -> None:
    for used in named_in(document.get("properties")):
        if is_within(used, part_id):
            message = (
                f"Resource {part_id} referenced by resource {whole} was not found. Please make sure that the "
                "referenced resource exists, and that both resources are in the same region."
            )
            raise ArmError(400, "InvalidResourceReference", message)


def _in_use(words: tuple[str, str], target: str = "", **facts: str) -> ArmError:
    code, sentence = words
    return ArmError(409, code, sentence.format(**facts), target=target)
