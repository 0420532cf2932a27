"""Bodies of requests about machines: which ones, which version, which protection. Errors name the wrong property."""

import asyncio
from typing import Any

from api.services.dependencies import Services
from api.wire.errors import invalid
from api.wire.properties import at
from instar.domain.images.images import version_key
from instar.domain.machines.actions import Protection
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.sets.stored_scale_set import StoredScaleSet

Json = dict[str, Any]

EVERYONE = "*"
SHOWN = 10
"""Unknown ids named one by one in an error."""


async def named_instances(services: Services, stored: StoredScaleSet, body: Json, *, required: bool) -> Json:
    """`instanceIds`: those that exist, or everyone where it is `["*"]` or, unless required, absent. Raises 400."""
    given = next((value for key, value in body.items() if key.lower() == "instanceids"), None)
    if given is None and not required:
        return {"everyone": True}
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given) or not given:
        raise invalid("'instanceIds' must be a list of instance ids, or [\"*\"].", "instanceIds")
    if EVERYONE in given:
        return {"everyone": True}
    there = {instance.instance_id for instance in await services.provider.list_instances(stored.identity)}
    unknown = list(dict.fromkeys(one for one in given if one not in there))
    if unknown:
        shown = ", ".join(f"'{one[:20]}'" for one in unknown[:SHOWN]) + (" and more" if len(unknown) > SHOWN else "")
        message = f"These instances do not exist in the scale set '{stored.identity.name}': {shown}."
        raise invalid(message, "instanceIds")
    return {"ids": InstanceIds.of(given)}


async def exact_version(services: Services, stored: StoredScaleSet, body: Json) -> str:
    """`exactVersion`, "" where it is absent: a version of the model's image that is offered. Raises 400."""
    given = next((value for key, value in body.items() if key.lower() == "exactversion"), None)
    if given in (None, ""):
        return ""
    try:
        version_key(given)
    except (ValueError, AttributeError):
        message = "'exactVersion' must be numbers joined by dots, like 18.04.202401161."
        raise invalid(message, "exactVersion") from None
    image = ScaleSetModel.from_arm(stored.document, stored.generation).image
    if image.id:
        gallery_image = image.id.lower().partition("/versions/")[0]
        found = await asyncio.to_thread(services.store.resources.find, f"{gallery_image}/versions/{given}")
        offered = found is not None
    else:
        name = (image.publisher, image.offer, image.sku, given, stored.identity.location)
        row = await asyncio.to_thread(services.store.images.get, *name)
        offered = row is not None and not row.withdrawn
    if not offered:
        raise invalid(f"Version {given} of {image} is not offered in {stored.identity.location}.", "exactVersion")
    return str(given)


def refuse_what_is_not_kept(body: Json) -> None:
    """`osProfile` of a reimage: it would differ from the model, and hold a secret that is nowhere kept. Raises 400."""
    if any(key.lower() == "osprofile" and value for key, value in body.items()):
        message = "'osProfile' is not supported here: change it in the model of the scale set, then call manualupgrade."
        raise invalid(message, "osProfile")


def protection(body: Json, instance: Instance) -> Protection:
    """`properties.protectionPolicy` as it is to be; what it does not say is off, and without one all stays. Raises 400.

    Protection from scale-set actions implies protection from scale-in; to deny the one and want the other is an error.
    """
    path = "properties.protectionPolicy"
    if not isinstance(body.get("properties"), dict | None):
        raise invalid("'properties' must be an object.", "properties")
    if "protectionPolicy" not in (body.get("properties") or {}):
        return Protection(
            from_actions=instance.protected, from_scale_in=instance.protected_from_scale_in or instance.protected
        )
    policy = at(body, path)
    if not isinstance(policy, dict | None):
        raise invalid(f"'{path}' must be an object.", path)
    scale_in, actions = ((policy or {}).get(key) for key in ("protectFromScaleIn", "protectFromScaleSetActions"))
    for key, value in (("protectFromScaleIn", scale_in), ("protectFromScaleSetActions", actions)):
        if not isinstance(value, bool | None):
            raise invalid(f"'{path}.{key}' must be true or false.", f"{path}.{key}")
    if actions and scale_in is False:
        message = "'protectFromScaleIn' cannot be false while 'protectFromScaleSetActions' is true, which implies it."
        raise invalid(message, f"{path}.protectFromScaleIn")
    return Protection(from_actions=bool(actions), from_scale_in=bool(scale_in or actions))
