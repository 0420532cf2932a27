"""A token is verified once; whether its client is still good, and may do what it asks, is asked each time."""

from datetime import timedelta
from typing import Any

import jwt
import pytest

from api.access.own_issuer import LIFE
from api.remembered.tokens import VerifiedTokens
from instar.domain.access import Grant, Role
from instar.store.store import Store
from tests.api.access.served import sent, token_of
from tests.api.conftest import GROUP, SCALE_SET, Api


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tokens whose signature was looked at."""
    found: list[str] = []
    real = jwt.decode

    def decode(token: str, *rest: Any, **more: Any) -> Any:
        if more.get("options", {}).get("verify_signature", True):
            found.append(token)
        return real(token, *rest, **more)

    monkeypatch.setattr(jwt, "decode", decode)
    return found


async def test_a_signature_is_verified_once(api: Api, decoded: list[str]) -> None:
    token = token_of(api, Role.OWNER, "/")
    await api.create()
    decoded.clear()
    assert [(await sent(api, "GET", SCALE_SET, token)).status_code for _ in range(3)] == [200] * 3
    assert decoded == [token]


async def test_a_remembered_token_ends_when_it_says(api: Api, decoded: list[str]) -> None:
    token = token_of(api, Role.OWNER, "/")
    await api.create()
    assert (await sent(api, "GET", SCALE_SET, token)).status_code == 200
    api.clock.advance(LIFE - timedelta(seconds=1))
    assert (await sent(api, "GET", SCALE_SET, token)).status_code == 200
    api.clock.advance(timedelta(seconds=1))
    assert (await sent(api, "GET", SCALE_SET, token)).status_code == 401
    # The clock is set back: it is verified anew.
    api.clock.advance(timedelta(seconds=-1))
    decoded.clear()
    assert (await sent(api, "GET", SCALE_SET, token)).status_code == 200
    assert decoded == [token]
    api.clock.advance(-LIFE - timedelta(seconds=2))
    assert (await sent(api, "GET", SCALE_SET, token)).status_code == 401


async def test_a_client_that_is_revoked_is_so_at_once_and_by_whichever_process(api: Api) -> None:
    token = token_of(api, Role.OWNER, "/")
    await api.create()
    assert (await sent(api, "GET", SCALE_SET, token)).status_code == 200
    other = Store.open(str(api.store.database.engine.url), api.store._sealer)
    [client] = [one for one in other.credentials.all() if one.name == "someone"]
    other.credentials.revoke(client.client_id, api.clock())
    other.close()
    assert (await sent(api, "GET", SCALE_SET, token)).status_code == 401


async def test_roles_that_change_are_heard_at_once_in_both_directions(api: Api) -> None:
    elsewhere = GROUP.replace("Farm", "mine")
    token = token_of(api, Role.READER, elsewhere)
    await api.create()
    [client] = [one for one in api.store.credentials.all() if one.name == "someone"]
    reader = Grant(Role.READER, GROUP)
    for _ in range(2):
        assert (await sent(api, "GET", SCALE_SET, token)).status_code == 403
        api.store.credentials.assign(client.client_id, reader)
        assert (await sent(api, "GET", SCALE_SET, token)).status_code == 200
        assert (await sent(api, "DELETE", SCALE_SET, token)).status_code == 403
        api.store.credentials.unassign(client.client_id, reader)


async def test_nothing_is_remembered_of_one_that_was_refused(api: Api) -> None:
    assert api.access.own is not None
    token = token_of(api, Role.OWNER, "/")
    head, body, signature = token.split(".")
    forged = f"{head}.{body}.{'A' * len(signature)}"
    for _ in range(2):
        assert (await sent(api, "GET", SCALE_SET, forged)).status_code == 401
    assert not api.access.own.knows(forged)
    assert not api.access.own.knows(token)
    revoked = token_of(api, Role.OWNER, "/")
    for client in api.store.credentials.all():
        if client.name == "someone":
            api.store.credentials.revoke(client.client_id, api.clock())
    assert (await sent(api, "GET", SCALE_SET, revoked)).status_code == 401
    assert not api.access.callers


def test_another_key_verifies_anew_and_no_more_are_kept_than_fit() -> None:
    tokens, key = VerifiedTokens[str](most=2), object()
    tokens.keep("a", key, "ann", begins=0, ends=10)
    assert tokens.get("a", key, 5) == "ann"
    assert tokens.get("a", object(), 5) is None
    assert tokens.get("a", key, 5) is None
    for name in ("b", "c", "d"):
        tokens.keep(name, key, name, begins=0, ends=10)
    assert [name in tokens for name in ("b", "c", "d")] == [False, True, True]
    assert [tokens.get("d", key, moment) for moment in (9.9, 0)] == ["d", "d"]
    assert tokens.get("d", key, 10) is None
