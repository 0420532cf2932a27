"""A webhook as it is asked for and as it is shown: its secret goes in and never comes out (docs/rules.md N1, F5)."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from api.services.dependencies import Services
from api.wire.errors import ArmError, invalid
from api.wire.moments import moment
from instar.domain.scopes import spelt
from instar.domain.telling.webhooks import ALL, NAME, Webhook, events_fault
from instar.outbound.allowed import origin_of
from instar.outbound.errors import NotAllowed
from instar.outbound.signatures import Secret
from instar.store.webhooks.deliveries import Undelivered
from instar.store.webhooks.webhooks import Place, StoredWebhook

Json = dict[str, Any]

TYPE = "Instar/webhooks"
ROOT = "/instar/webhooks"

MEMBERS = ("url", "scope", "events", "secret", "enabled")
_SHOWN = ("origin", "whyDisabled", "createdAt", "lastDelivery", "undelivered", "provisioningState")
"""Read only: whoever puts back what was got sends them too."""
_AROUND = ("id", "name", "type", "etag", "properties")

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Asked:
    """What a PUT asks for."""

    webhook: Webhook
    place: Place


def asked_for(services: Services, name: str, body: Json, had: StoredWebhook | None, place: Place | None) -> Asked:
    """What a body asks for; what it leaves out stays as it was. Raises ArmError 400 that names the wrong member.

    `had`, `place`: the one that is there.
    """
    if not NAME.fullmatch(name):
        raise invalid("A webhook's name has 1 to 64 letters, digits, hyphens and underscores.", "webhookName")
    given = _members(body)
    scope = _scope(given.get("scope", had.webhook.scope if had else None))
    events = _events(given.get("events", list(had.webhook.events) if had else [ALL]))
    url = given.get("url", place.url if place else None)
    if not isinstance(url, str) or not url:
        raise invalid("'url' is needed: where events are sent, as in https://hooks.example.com/instar.", "url")
    try:
        origin = origin_of(services.settings.hooks.allow.checked(url))
    except NotAllowed as error:
        raise invalid(f"The value of 'url' is not taken: {error}.", "url") from None
    webhook = Webhook(
        id=had.webhook.id if had else "",
        name=had.webhook.name if had else name,
        scope=scope,
        events=events,
        enabled=_truth(given.get("enabled", True)),
        origin=origin,
    )
    return Asked(webhook, Place(url, _secret(given.get("secret", place.secret if place else None))))


def webhook_body(stored: StoredWebhook, *, url: str = "", undelivered: int | None = None) -> Json:
    """As it is shown. `url`: for whoever may change it; others see where it leads and no more."""
    webhook = stored.webhook
    properties: Json = {"url": url or f"{webhook.origin}/…", "scope": webhook.scope, "events": list(webhook.events)}
    properties |= {"enabled": webhook.enabled, "createdAt": moment(stored.created_at)}
    if webhook.why_disabled and not webhook.enabled:
        properties["whyDisabled"] = webhook.why_disabled
    if stored.delivered_at is not None:
        properties["lastDelivery"] = {"event": stored.delivered, "at": moment(stored.delivered_at)}
    if undelivered is not None:
        properties["undelivered"] = undelivered
    path = f"{ROOT}/{webhook.name}"
    return {"id": path, "name": webhook.name, "type": TYPE, "etag": tag_of(stored), "properties": properties}


def undelivered_body(one: Undelivered, webhook: Webhook) -> Json:
    """An event that was not delivered until now."""
    state = "Trying" if webhook.enabled else "SwitchedOff"
    body: Json = {
        "id": one.event.id,
        "event": one.event.type.value,
        "time": moment(one.event.at),
        "scope": one.event.scope,
        "message": one.event.message,
        "state": "GivenUp" if one.given_up else state,
        "triedUntil": moment(one.give_up_at),
        "attempts": one.attempts,
    }
    if one.last_attempt_at is not None:
        body |= {"lastAttempt": moment(one.last_attempt_at), "lastError": one.last_error}
    return body


def tag_of(stored: StoredWebhook) -> str:
    """Its etag as headers have it."""
    return f'"{stored.etag}"'


def event_ids(body: Json) -> list[str] | None:
    """Which events are to be sent again; None for all. Raises ArmError 400."""
    for member in body:
        if member != "events":
            raise invalid(f"'{member[:60]}' is not known here: 'events' is.", member[:60])
    if "events" not in body:
        return None
    ids = body["events"]
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids) or len(ids) > RESENT_AT_MOST:
        raise invalid(f"'events' is a list of ids of events, {RESENT_AT_MOST} at most.", "events")
    return ids


RESENT_AT_MOST = 1_000
"""Ids in one request; without a list all are sent again, however many."""


def _members(body: Json) -> Json:
    """Flat, or within `properties` as they are shown."""
    inner = body.get("properties", {})
    if not isinstance(inner, dict):
        raise invalid("'properties' must be an object.", "properties")
    given = {name: value for name, value in body.items() if name not in _AROUND} | inner
    for member in given:
        if member not in (*MEMBERS, *_SHOWN):
            known = ", ".join(MEMBERS)
            raise invalid(f"'{member[:60]}' is no member of a webhook: there are {known}.", member[:60])
    return {name: value for name, value in given.items() if name in MEMBERS}


def _scope(given: object) -> str:
    try:
        if isinstance(given, str):
            return spelt(given)
    except ValueError as error:
        raise invalid(f"The value of 'scope' is no scope: {error}.", "scope") from None
    raise invalid("'scope' is needed: / for everything, a subscription, a resource group, or a scale set.", "scope")


def _events(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise invalid("'events' must be a list.", "events")
    if fault := events_fault(given):
        raise invalid(fault[0].upper() + fault[1:], "events")
    return tuple(dict.fromkeys(given))


def _truth(given: object) -> bool:
    if not isinstance(given, bool):
        raise invalid("'enabled' must be true or false.", "enabled")
    return given


def _secret(given: object) -> str:
    if not isinstance(given, str):
        raise invalid(
            "'secret' is needed: what messages are signed with. Make one and give it to the receiver too: "
            "echo whsec_$(openssl rand -base64 32).",
            "secret",
        )
    try:
        Secret.of(given)
    except ValueError as error:
        raise invalid(f"The value of 'secret' is not taken: {error}.", "secret") from None
    return given


def not_there(name: str) -> ArmError:
    """No such webhook, or none that the caller may see."""
    shown = "".join(character for character in name[:64] if character.isprintable())
    return ArmError(404, "ResourceNotFound", f"There is no webhook '{shown}'.", target="webhookName")
