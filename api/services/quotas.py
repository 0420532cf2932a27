"""The quotas of the settings, held against what a request brings and against what is there already."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from api.services.dependencies import Services
from api.wire.errors import ArmError
from api.wire.tags import check_tags
from api.wire.texts import check_texts
from instar.store.errors import QuotaExceeded
from instar.store.quotas import Counted

Json = dict[str, Any]
Written = TypeVar("Written")

_WORDS = {
    Counted.SCALE_SETS: ("scale sets", "the subscription"),
    Counted.RESOURCE_GROUPS: ("resource groups", "the subscription"),
    Counted.RESOURCES: ("resources (all kinds together, but scale sets and deployments)", "the subscription"),
    Counted.DEPLOYMENTS_PER_GROUP: ("deployments", "the resource group"),
    Counted.DEPLOYMENTS: ("deployments", "the subscription"),
    Counted.WEBHOOKS: ("webhooks", "the installation"),
}


async def within_quotas(write: Callable[[], Written]) -> Written:
    """What the store's call gives, made in a thread. Raises ArmError 409 where there are as many as there may be."""
    try:
        return await asyncio.to_thread(write)
    except QuotaExceeded as error:
        raise _exceeded(Counted(error.counted), error.at_most) from None


def check_given(services: Services, given: Json, had: Json | None) -> None:
    """What a body in the contract's names says anew: its tags and texts. Raises ArmError 400."""
    kept = had or {}
    check_tags(given.get("tags"), kept.get("tags"), services.settings.quotas.tags)
    check_texts(given, kept)


def _exceeded(counted: Counted, at_most: int) -> ArmError:
    words, where = _WORDS[counted]
    is_deployment = counted in (Counted.DEPLOYMENTS, Counted.DEPLOYMENTS_PER_GROUP)
    message = (
        f"This would exceed the quota of {at_most} {words} of {where}. Delete some that are needed no more, or let the "
        f"operator of the API raise its setting INSTAR_QUOTAS__{counted.name}. Nothing was made; what is there can be "
        "changed and deleted as ever."
    )
    return ArmError(409, "DeploymentQuotaExceeded" if is_deployment else "QuotaExceeded", message)
