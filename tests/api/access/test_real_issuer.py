"""Another issuer, really asked over HTTP, and the whole way from its token to an answer of the API."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from api.access.outside_issuer import FETCH_AT_LEAST_APART, KEPT_FOR
from api.login.composition import access_from
from instar.compute.clock import utc_now
from instar.connection.setting_groups import OidcSettings
from instar.connection.settings import Settings
from instar.domain.access import Grant, Role
from tests.api.access.served import served_with
from tests.api.conftest import GROUP, SCALE_SET, Api, document, error_of

AUDIENCE = "api://instar"
REALM = "/realms/farm"


class Realm:
    """A small OpenID Connect issuer, as Keycloak has one for each realm."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAPrivateKey | EllipticCurvePrivateKey] = {"a": rsa_key(65537, 2048)}
        self.asked: list[str] = []
        self.down = False
        realm = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                realm.asked.append(self.path)
                body = realm.body(self.path)
                self.send_response(503 if realm.down else 200 if body else 404)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{REALM}"

    def body(self, path: str) -> dict[str, Any]:
        if path == f"{REALM}/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/certs"}
        encryption = RSAAlgorithm.to_jwk(rsa_key(65537, 2048).public_key(), as_dict=True)
        others = [encryption | {"kid": "enc", "use": "enc", "alg": "RSA-OAEP"}]  # as Keycloak publishes one too
        return {"keys": others + [self._published(name) for name in self.keys]} if path == f"{REALM}/certs" else {}

    def _published(self, name: str) -> dict[str, Any]:
        key = self.keys[name]
        if isinstance(key, RSAPrivateKey):
            return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "use": "sig", "alg": "RS256"}
        return ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "use": "sig", "alg": "ES256"}

    def token(self, key: str = "a", **claims: Any) -> str:
        given = {"iss": self.url, "aud": [AUDIENCE, "account"], "sub": "u-1", "exp": utc_now() + timedelta(hours=1)}
        algorithm = "RS256" if isinstance(self.keys[key], RSAPrivateKey) else "ES256"
        return jwt.encode(given | claims, self.keys[key], algorithm=algorithm, headers={"kid": key})


@pytest.fixture
def realm() -> Iterator[Realm]:
    realm = Realm()
    with closing(realm.server.socket):
        thread = threading.Thread(target=realm.server.serve_forever, args=(0.01,))
        thread.start()
        yield realm
        realm.server.shutdown()
        thread.join()
        realm.server.server_close()


@pytest.fixture
async def http(api: Api, realm: Realm) -> AsyncIterator[httpx.AsyncClient]:
    settings = api.app.state.services.settings.model_copy(
        update={"oidc": OidcSettings(issuer=realm.url, audience=AUDIENCE)}
    )
    access = access_from(settings, api.store, api.clock)
    async with served_with(api, access) as http:
        yield http
    assert access.outside is not None
    await access.outside.close()


async def asked(http: httpx.AsyncClient, method: str, path: str, token: str, body: Any = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await http.request(method, path, params={"api-version": "2024-11-01"}, json=body, headers=headers)


async def test_a_token_of_another_issuer_opens_what_was_granted_to_its_names(
    api: Api, http: httpx.AsyncClient, realm: Realm
) -> None:
    await api.create()
    user = realm.token(preferred_username="ada", name="Ada", azp="console", groups=["/night"])
    refused = await asked(http, "GET", SCALE_SET, user)
    assert refused.status_code == 403
    assert "The client 'Ada' with object id 'u-1'" in error_of(refused)["message"]
    api.store.credentials.assign("group:/night", Grant(Role.READER, GROUP))
    assert (await asked(http, "GET", SCALE_SET, user)).status_code == 200
    assert (await asked(http, "PUT", SCALE_SET, user, document())).status_code == 403
    assert (await asked(http, "GET", SCALE_SET, realm.token(groups=["night"]))).status_code == 403
    robot = realm.token(sub="deploy", client_id="deploy")
    api.store.credentials.assign("client:deploy", Grant(Role.CONTRIBUTOR, SCALE_SET))
    assert (await asked(http, "PUT", SCALE_SET, robot, document(sku__capacity=4))).status_code == 200
    assert api.store.audit.newest(1)[0].principal == "deploy"
    # Whoever only logs in to that client is not the client.
    assert (await asked(http, "PUT", SCALE_SET, realm.token(azp="deploy"), document())).status_code == 403
    role = realm.token(sub="u-2", realm_access={"roles": ["instar-owner"]})
    api.store.credentials.assign("role:instar-owner", Grant(Role.OWNER, "/"))
    assert (await asked(http, "DELETE", SCALE_SET, role)).status_code == 202


async def test_nobody_there_becomes_a_client_of_ours(api: Api, http: httpx.AsyncClient, realm: Realm) -> None:
    [owner, *_] = api.store.credentials.all()
    mine = owner.client_id
    forged = realm.token(sub=mine, oid=mine, appid=mine, azp=mine, preferred_username=mine, groups=[mine], roles=[mine])
    assert (await asked(http, "GET", SCALE_SET, forged)).status_code == 403
    assert api.access.own is not None
    ours = realm.token(iss="https://instar/11111111-1111-1111-1111-111111111111/v2.0", aud="https://instar", sub=mine)
    assert (await asked(http, "GET", SCALE_SET, ours)).status_code == 401


async def test_its_keys_are_fetched_when_they_change_and_go_when_it_takes_them_back(
    api: Api, http: httpx.AsyncClient, realm: Realm
) -> None:
    api.store.credentials.assign("subject:u-1", Grant(Role.READER, "/"))
    old = realm.token()
    assert (await asked(http, "GET", "/tenants", old)).status_code == 200
    fetched = len(realm.asked)
    realm.keys["b"] = ec_key(SECP256R1())
    for _ in range(5):
        assert (await asked(http, "GET", "/tenants", realm.token("b"))).status_code == 401
    assert len(realm.asked) == fetched
    api.clock.advance(FETCH_AT_LEAST_APART)
    assert (await asked(http, "GET", "/tenants", realm.token("b"))).status_code == 200
    del realm.keys["a"]
    assert (await asked(http, "GET", "/tenants", old)).status_code == 200
    api.clock.advance(KEPT_FOR)
    assert (await asked(http, "GET", "/tenants", old)).status_code == 401


async def test_while_it_is_down_the_answer_is_503_and_those_of_our_own_get_in(
    api: Api, http: httpx.AsyncClient, realm: Realm
) -> None:
    realm.down = True
    api.store.credentials.assign("subject:u-1", Grant(Role.READER, "/"))
    answer = await asked(http, "GET", "/tenants", realm.token())
    assert (answer.status_code, error_of(answer)["code"]) == (503, "ServiceUnavailable")
    assert answer.headers["Retry-After"]
    # A third one's token is not its affair.
    assert (await asked(http, "GET", "/tenants", realm.token(iss="https://third.example"))).status_code == 401
    [owner, *_] = api.store.credentials.all()
    assert api.access.own is not None
    assert (await asked(http, "GET", "/tenants", api.access.own._token(owner, api.clock()))).status_code == 200
    realm.down = False
    api.clock.advance(FETCH_AT_LEAST_APART)
    assert (await asked(http, "GET", "/tenants", realm.token())).status_code == 200


async def test_with_our_own_issuer_off_the_other_one_alone_is_believed(api: Api, realm: Realm) -> None:
    oidc = OidcSettings(issuer=realm.url, audience=AUDIENCE, own_issuer=False)
    settings: Settings = api.app.state.services.settings.model_copy(update={"oidc": oidc})
    access = access_from(settings, api.store, api.clock)
    api.store.credentials.assign("subject:u-1", Grant(Role.READER, "/"))
    [owner, *_] = api.store.credentials.all()
    assert api.access.own is not None
    ours = api.access.own._token(owner, api.clock())
    async with served_with(api, replace(access, public_url="")) as http:
        assert (await asked(http, "GET", "/tenants", realm.token())).status_code == 200
        answer = await asked(http, "GET", "/tenants", ours)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith(f'Bearer authorization_uri="{realm.url}"')
        token = await http.post("/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token", data={"grant_type": "x"})
        assert token.status_code == 401
    assert access.outside is not None
    await access.outside.close()
