"""Writing down what is kept, without a secret in it (docs/rules.md F5), and showing it."""

import asyncio
import re
from typing import Any

from api.kept.filled_in import filled_in
from api.services.dependencies import Services
from api.services.quotas import check_given, within_quotas
from api.stored.stored_resources import quoted
from api.wire.errors import invalid
from api.wire.merge import without_read_only
from instar.store.database.secret_places import without_secrets
from instar.store.resources import StoredResource

Json = dict[str, Any]

NAME_AT_MOST = 260
_NO_NAME = re.compile(r"[^\x20-\x7e]|[/\\?#%<>&*:'\"]|\A |[ .]\Z")
_SECRET = re.compile(
    r"(?:password|passphrase|securevalue|secretvalue|connectionstring|accesskey|accountkey|sharedkey|sastoken|secret)\Z",
    re.IGNORECASE,
)
_SECRET_VALUES = ("microsoft.keyvault/vaults/secrets", "microsoft.automation/automationaccounts/variables")
"""Types of which `properties.value` is the secret."""


def as_kept(services: Services, kind: str, resource_id: str, location: str, document: Json) -> Json:
    """A document as it is kept; `location`: its group's region.

    Raises ArmError 400 for a name, tag or text that nothing may have.
    """
    for name in resource_id.rsplit("/providers/", maxsplit=1)[-1].split("/")[2::2]:
        if not name or len(name) > NAME_AT_MOST or _NO_NAME.search(name) or name in (".", ".."):
            message = (
                f"A name has 1 to {NAME_AT_MOST} ASCII characters, none of / \\ ? # % < > & * : ' \" and no control "
                "character, and neither begins with a space nor ends with one or a dot."
            )
            raise invalid(message, "name")
    clean = without_named_secrets(without_read_only(document), kind)
    if not isinstance(clean.get("location"), str):
        clean["location"] = location
    check_given(services, clean, None)
    return clean


async def keep(  # noqa: PLR0917  # a resource, where it is, and what is said of it
    services: Services,
    kind: str,
    resource_id: str,
    group: tuple[str, str, str],
    document: Json,
    expected_etag: int | None = None,
) -> tuple[StoredResource, bool]:
    """Write down a resource, or replace it; whether it is new. `group`: its subscription, group, and region.

    Raises ArmError: 400 for a name, tag or text that nothing may have, 409 at a quota; Conflict where its etag is not
    the expected one.
    """
    subscription, name_of_group, location = group
    clean = as_kept(services, kind, resource_id, location, document)
    words = resource_id.split("/")
    return await within_quotas(
        lambda: services.store.resources.put(
            kind,
            resource_id,
            subscription,
            name_of_group,
            clean,
            services.clock(),
            parent_id="/".join(words[:-2]) if kind.count("/") > 1 else "",
            expected_etag=expected_etag,
            quotas=services.settings.quotas.counted,
        )
    )


def without_named_secrets(document: Json, kind: str) -> Json:
    """The same without what is called like a secret.

    >>> without_named_secrets({"properties": {"value": "x", "login": {"Password": "y", "user": "z"}}}, "A.B/c")
    {'properties': {'value': 'x', 'login': {'user': 'z'}}}
    """
    clean = _without(without_secrets(document))
    properties = clean.get("properties")
    if kind.lower() in _SECRET_VALUES and isinstance(properties, dict):
        properties.pop("value", None)
    result: Json = clean
    return result


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without(inner)
            for key, inner in value.items()
            if isinstance(inner, dict | list) or not _SECRET.search(key)
        }
    return [_without(item) for item in value] if isinstance(value, list) else value


def kept_body(stored: StoredResource) -> Json:
    """What is kept, with what Azure fills in."""
    document = filled_in(stored.type, stored.resource_id, stored.document)
    return {
        **document,
        "name": stored.name,
        "id": stored.resource_id,
        "type": stored.type,
        "etag": quoted(stored),
        "properties": {**document["properties"], "provisioningState": "Succeeded"},
    }


async def find_kept(services: Services, resource_id: str) -> StoredResource | None:
    """What is kept under this id, None if there is nothing."""
    return await asyncio.to_thread(services.store.resources.find, resource_id)
