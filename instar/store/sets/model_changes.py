"""What a document would change of a set's newest model, its secrets too."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from instar.store.database.columns import written
from instar.store.database.sealing import SealerProtocol
from instar.store.database.secret_places import still_in_place, take_out


@dataclass(frozen=True)
class ModelChange:
    """A document beside the model that it would replace."""

    clean: dict[str, Any]
    """The document without its secrets."""
    given: dict[str, Any]
    """Secrets that it gives, by place."""
    kept: list[str]
    """Places whose secret stays: it is not given, and what it belongs to is still there."""
    other_secrets: tuple[str, ...]
    """Places whose secret would be another one, or go, or come."""
    unchanged: bool
    """Whether it says the same."""


def change_of(
    sealer: SealerProtocol, before: Mapping[str, Any], had: Mapping[str, str], document: Mapping[str, Any]
) -> ModelChange:
    """Compare a document with the model `before` and the tokens that this one had. Raises Unstorable, SealingError."""
    clean, secrets = take_out(document)
    kept = still_in_place(had, before=before, after=clean, given=secrets)
    given = {place: value for place, value in secrets.items() if value is not None}
    gone = [place for place in had if place not in given and place not in kept]
    others = [place for place, value in given.items() if place not in had or not _holds(sealer, had[place], value)]
    same = written(before, canonical=True) == written(clean, canonical=True)
    return ModelChange(clean, given, kept, (*others, *gone), same and not others and not gone)


def _holds(sealer: SealerProtocol, token: str, value: Any) -> bool:
    """Whether the token holds this value."""
    return written(json.loads(sealer.open(token)), canonical=True) == written(value, canonical=True)
