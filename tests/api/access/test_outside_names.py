"""Which names a token of another issuer claims, under which roles may be given here."""

from typing import Any

import pytest

from api.access.outside_names import outside_principal
from api.access.principals import TokenRefused

AUDIENCE = "api://instar"

ENTRA_USER = {"oid": "o-1", "sub": "pairwise", "azp": "portal", "scp": "access", "name": "Ada", "groups": ["g-1"]}
ENTRA_APP = {"oid": "o-2", "sub": "o-2", "appid": "night", "app_displayname": "Night", "roles": ["Instar.Operator"]}
KEYCLOAK_USER = {
    "sub": "k-1",
    "azp": "web",
    "preferred_username": "ada",
    "scope": "openid",
    "realm_access": {"roles": ["operator"]},
    "resource_access": {AUDIENCE: {"roles": ["reader"]}, "other": {"roles": ["owner"]}},
}


@pytest.mark.parametrize(
    ("claims", "subject", "shown", "names"),
    [
        (ENTRA_USER, "o-1", "Ada", ("subject:o-1", "group:g-1")),
        (ENTRA_APP, "o-2", "Night", ("subject:o-2", "client:night", "role:Instar.Operator")),
        (KEYCLOAK_USER, "k-1", "web", ("subject:k-1", "role:operator", "role:reader")),
        ({"sub": "robot", "client_id": "robot"}, "robot", "robot", ("subject:robot", "client:robot")),
        ({"sub": "a", "azp": "web", "idtyp": "app"}, "a", "web", ("subject:a", "client:web")),
        ({"sub": "web", "azp": "web", "idtyp": "user"}, "web", "web", ("subject:web",)),
        ({"oid": "a", "sub": "a", "azp": "web", "scp": "x"}, "a", "web", ("subject:a",)),
        ({"sub": "a", "groups": ["x", "x", 3, None, ""], "roles": "x"}, "a", "a", ("subject:a", "group:x")),
        ({"sub": "a", "groups": 7, "realm_access": [1], "resource_access": {AUDIENCE: 1}}, "a", "a", ("subject:a",)),
    ],
)
def test_a_token_tells_the_names_of_its_principal(
    claims: dict[str, Any], subject: str, shown: str, names: tuple[str, ...]
) -> None:
    principal = outside_principal(claims, AUDIENCE)
    assert (principal.subject, principal.name, principal.names) == (subject, shown, names)


@pytest.mark.parametrize("name", ["preferred_username", "email", "upn", "unique_name", "name", "nickname"])
def test_what_a_user_may_change_is_no_name(name: str) -> None:
    chosen = "11111111-2222-3333-4444-555555555555"
    principal = outside_principal({"sub": "someone", name: chosen}, AUDIENCE)
    assert principal.names == ("subject:someone",)


def test_no_outside_name_is_one_of_a_client_of_ours() -> None:
    ours = "11111111-2222-3333-4444-555555555555"
    principal = outside_principal({"sub": ours, "azp": ours, "groups": [ours], "roles": [ours]}, AUDIENCE)
    assert ours not in principal.names


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"oid": 7}, {"name": "Ada"}])
def test_a_token_that_names_nobody_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        outside_principal(claims, AUDIENCE)
