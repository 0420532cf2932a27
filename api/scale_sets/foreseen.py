"""What a change of a set would write: read, merged and judged as a PUT of it is, and then not written."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.scale_sets.model_changes import checked_body, judged_change, judged_new
from api.services.dependencies import ScaleSetPath, Services
from api.services.scale_set_lookup import find
from api.wire.api_versions import NEWEST
from instar.store.database.secret_places import take_out
from instar.store.sets.stored_scale_set import StoredScaleSet

Json = dict[str, Any]


@dataclass(frozen=True)
class ForeseenSet:
    """A set as it is, and its document as it would be."""

    stored: StoredScaleSet | None
    document: Json
    """Without secrets."""
    other_secrets: tuple[str, ...] = ()
    """Places whose secret would be another one."""


async def foreseen_set(
    services: Services, path: ScaleSetPath, body_of: Callable[[StoredScaleSet | None], Json]
) -> ForeseenSet:
    """What `change_stored` would write. Raises ArmError as it does."""
    stored = await find(services, path)
    body = checked_body(services, stored, body_of(stored), NEWEST)
    if stored is None:
        return ForeseenSet(None, take_out(await judged_new(services, path, body))[0])
    document = await judged_change(services, stored, body, NEWEST)
    compare = services.store.scale_sets.compared
    change = await asyncio.to_thread(compare, stored.identity.unique_id, stored.generation, document)
    return ForeseenSet(stored, change.clean, change.other_secrets)
