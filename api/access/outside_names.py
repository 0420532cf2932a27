"""Under which names roles are given to principals of an outside issuer, and which of them a token may claim.

Each name says what it is: `subject:ID`, `group:ID`, `role:NAME`, `client:ID`. So nobody who may choose a user name or
the name of a group there can choose one that means somebody else here; the ids of our own clients have no such word
before them. What a user can change (`preferred_username`, `email`, `upn`) is no name at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from api.access.principals import Principal, TokenRefused

SUBJECTS = ("oid", "sub")
"""What names a caller, the first that a token has: Entra ID's object id, else the subject."""

CLIENTS = ("azp", "appid", "client_id")
"""What names the client that a token was given to."""

SHOWN = ("name", "app_displayname")
KINDS = ("subject", "group", "role", "client")

Claims = Mapping[str, Any]


def outside_principal(claims: Claims, audience: str) -> Principal:
    """The principal of verified claims. Raises TokenRefused where they name no subject."""
    subject = next(_texts(claims.get(name) for name in SUBJECTS), "")
    if not subject:
        raise TokenRefused("it names no subject")
    client = next(_texts(claims.get(name) for name in CLIENTS), "")
    names = [f"subject:{subject}"]
    if client and _is_of_the_client(claims, client):
        names.append(f"client:{client}")
    names += [f"group:{text}" for text in _texts(claims.get("groups"))]
    names += [f"role:{role}" for role in _roles(claims, audience)]
    shown = next(_texts(claims.get(name) for name in SHOWN), client or subject)
    return Principal(subject, shown, tuple(dict.fromkeys(names)))


def _is_of_the_client(claims: Claims, client: str) -> bool:
    """Whether a client speaks for itself here, and not for a user who is logged in to it.

    Entra ID says so (`idtyp`), and in its older tokens by an object id that is the subject and no delegated scope;
    others (RFC 9068) by a subject that is the client.
    """
    if claims.get("idtyp"):
        return bool(claims["idtyp"] == "app")
    if claims.get("sub") == client:
        return True
    return bool(claims.get("oid")) and claims.get("oid") == claims.get("sub") and not claims.get("scp")


def _roles(claims: Claims, audience: str) -> Iterator[str]:
    """Entra ID's application roles; Keycloak's roles of the realm, and of the client that the token is for."""
    yield from _texts(claims.get("roles"))
    for place in (claims.get("realm_access"), _member(claims.get("resource_access"), audience)):
        yield from _texts(_member(place, "roles"))


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _texts(values: Any) -> Iterator[str]:
    """The strings of a list that say something; of a claim that is no list: none."""
    if isinstance(values, Iterable) and not isinstance(values, str | Mapping):
        yield from (value for value in values if isinstance(value, str) and value)
