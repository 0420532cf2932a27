"""Which earlier generation said the same to machines, secrets included."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from instar.domain.machines.machine_part import SECRETS_BELOW, machine_part
from instar.store.database.columns import written
from instar.store.database.sealing import SealerProtocol
from instar.store.database.tables import MODELS, SECRETS

MACHINE_PARTS_COMPARED = 20
"""Newest different machine parts among which a model finds the one that it goes back to."""


def seen_before(
    connection: Connection,
    sealer: SealerProtocol,
    unique_id: str,
    document: Mapping[str, Any],
    tokens: Mapping[str, str],
) -> int | None:
    """The generation whose machines need nothing for this document with these secrets, if there is one."""
    part = written(machine_part(document), canonical=True)
    secrets = _opened(sealer, tokens)
    rows = connection.execute(
        select(MODELS.c.generation, MODELS.c.document)
        .where(MODELS.c.unique_id == unique_id, MODELS.c.machine_generation == MODELS.c.generation)
        .order_by(MODELS.c.generation.desc())
        .limit(MACHINE_PARTS_COMPARED)
    ).all()
    for row in rows:
        if written(machine_part(row.document), canonical=True) != part:
            continue
        sealed = connection.execute(
            select(SECRETS.c.place, SECRETS.c.token).where(
                SECRETS.c.unique_id == unique_id, SECRETS.c.generation == row.generation
            )
        )
        if _opened(sealer, {one.place: one.token for one in sealed}) == secrets:
            return int(row.generation)
    return None


def _opened(sealer: SealerProtocol, tokens: Mapping[str, str]) -> dict[str, str]:
    """The machines' secrets among these, comparable."""
    return {
        place.lower(): written(json.loads(sealer.open(token)), canonical=True)
        for place, token in tokens.items()
        if place.lower().startswith(SECRETS_BELOW)
    }
