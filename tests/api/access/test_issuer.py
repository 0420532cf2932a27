import asyncio
import base64
import os
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api.access.own_issuer import AUDIENCE
from api.access.refusals import PER_MINUTE
from api.access.signing_keys import SigningKey, SigningKeyError
from api.login.failed_logins import ACTION
from api.login.issuer_routes import ALIASES, DISCOVERY, KEYS, METADATA, TOKEN
from instar.domain.access import Grant, Role
from instar.store.catalogue import PLATFORM_SKUS
from tests.api.conftest import LOCATION, Api


async def token_for(api: Api, **form: str) -> tuple[int, dict[str, Any]]:
    answer = await api.http.post(TOKEN, data={"grant_type": "client_credentials"} | form)
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()


async def test_k8_a_client_gets_a_token_that_opens_what_its_role_opens(api: Api) -> None:
    client, secret = api.store.credentials.create("night", Grant(Role.READER, "/"), api.clock())
    scope = "http://api.test:8000//.default"
    status, body = await token_for(
        api, client_id=client.client_id, client_secret=secret, scope=scope, client_info="1", claims="{}"
    )
    assert (status, body["token_type"], body["expires_in"]) == (200, "Bearer", 3599)
    headers = {"Authorization": f"bearer {body['access_token']}"}
    answer = await api.http.get(f"{LOCATION}/publishers", params={"api-version": "2024-11-01"}, headers=headers)
    assert answer.status_code == 200


async def test_k8_a_client_may_also_show_its_secret_as_basic_credentials(api: Api) -> None:
    client, secret = api.store.credentials.create("night", Grant(Role.READER, "/"), api.clock())
    basic = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
    form = {"grant_type": "client_credentials"}
    answer = await api.http.post(TOKEN, data=form, headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 200
    for wrong in ("Basic !!!", "Basic " + base64.b64encode(b"\xff\xff").decode(), "Basic"):
        assert (await api.http.post(TOKEN, data=form, headers={"Authorization": wrong})).status_code == 401


@pytest.mark.parametrize("secret", ["wrong", "", "x" * 5_000, "\u0000"])
async def test_a_wrong_secret_is_told_as_clients_expect_it(api: Api, secret: str) -> None:
    client, _ = api.store.credentials.create("night", Grant(Role.READER, "/"), api.clock())
    status, body = await token_for(api, client_id=client.client_id, client_secret=secret)
    assert (status, body["error"]) == (401, "invalid_client")
    assert body["error_description"].startswith("AADSTS7000215")


async def test_many_wrong_secrets_are_429_and_a_good_one_gets_in_at_once(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    client, secret = api.store.credentials.create("night", Grant(Role.READER, "/"), api.clock())
    form = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": "wrong"}
    flood = await asyncio.gather(*(api.http.post(TOKEN, data=form) for _ in range(PER_MINUTE + 40)))
    assert sorted(answer.status_code for answer in flood) == [401] * PER_MINUTE + [429] * 40
    [last, *_] = [answer for answer in flood if answer.status_code == 429]
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert last.json()["error"] == "temporarily_unavailable"
    assert (await token_for(api, client_id=client.client_id, client_secret=secret))[0] == 200
    # Noted once: the client is known, and there are no more than that of it.
    [entry] = api.store.audit.newest(10)
    assert (entry.name, entry.action, entry.status, entry.repeats) == ("night", ACTION, 401, PER_MINUTE - 1)
    assert f"a log-in of client {client.client_id} from 127.0.0.1 failed" in caplog.text
    assert "wrong" not in caplog.text


async def test_log_ins_of_clients_that_do_not_exist_are_told_and_not_stored(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        status, _ = await token_for(api, client_id=f"nobody-{number}\x1b[8m", client_secret="x")
        assert status == 401
    assert api.store.audit.newest(10) == []
    assert "a log-in of client nobody-4\\x1b[8m from 127.0.0.1 failed" in caplog.text


async def test_nonsense_at_the_token_endpoint_is_refused(api: Api) -> None:
    for content in (b"", b"\xff\xfe", b"&&&=", b"grant_type=password&username=a", b"grant_type"):
        answer = await api.http.post(TOKEN, content=content)
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    assert (await api.http.post(TOKEN, content=b"x" * 100_000)).status_code == 413
    assert (await api.http.get(TOKEN)).status_code == 405


async def test_anybody_can_verify_a_token_with_the_published_keys(api: Api) -> None:
    api.http.auth = httpx.Auth()  # which adds nothing
    found = (await api.http.get(DISCOVERY)).json()
    assert found["token_endpoint"] == f"http://api.test:8000{TOKEN}"
    assert found["issuer"].startswith("http://api.test:8000/")
    keys = jwt.PyJWKSet.from_dict((await api.http.get(KEYS)).json())
    client, secret = api.store.credentials.create("night", Grant(Role.READER, "/"), api.clock())
    _, body = await token_for(api, client_id=client.client_id, client_secret=secret)
    key = keys[jwt.get_unverified_header(body["access_token"])["kid"]]
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(body["access_token"], key, audience=AUDIENCE, options=options)  # type: ignore[arg-type]
    assert {claims[name] for name in ("appid", "oid", "sub")} == {client.client_id}
    assert claims["app_displayname"] == "night"
    assert secret not in str(claims)
    assert "d" not in (await api.http.get(KEYS)).json()["keys"][0]


async def test_k8_the_metadata_say_where_everything_is(api: Api) -> None:
    api.http.auth = httpx.Auth()  # which adds nothing
    new = (await api.http.get(METADATA, params={"api-version": "2022-09-01"})).json()
    assert new["name"]
    assert new["suffixes"] == {}
    assert new["authentication"]["loginEndpoint"] == new["resourceManager"] == "http://api.test:8000"
    old = (await api.http.get(METADATA, params={"api-version": "2015-01-01"})).json()
    assert old["authentication"]["audiences"] == ["http://api.test:8000/"]


def test_the_signing_key_is_made_once_and_private(tmp_path: Path) -> None:
    made = SigningKey.from_file(tmp_path / "signing.key")
    assert SigningKey.from_file(tmp_path / "signing.key").key_id == made.key_id
    assert (tmp_path / "signing.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["signing.key"]


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o620, 0o601])
def test_a_signing_key_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "signing.key"
    SigningKey.from_file(path)
    path.chmod(mode)
    with pytest.raises(SigningKeyError, match="chmod 600"):
        SigningKey.from_file(path)
    path.chmod(0o400)
    SigningKey.from_file(path)


def test_a_key_that_is_no_rsa_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.touch(mode=0o600)
    path.write_bytes(ec_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(SigningKeyError, match="no RSA key"):
        SigningKey.from_file(path)


def test_two_processes_that_make_the_key_at_once_have_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "signing.key"
    link = os.link

    def slower(draft: str, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        SigningKey.from_file(path)  # another one, meanwhile
        link(draft, target)

    monkeypatch.setattr(os, "link", slower)
    assert SigningKey.from_file(path).key_id == SigningKey.from_file(path).key_id
    assert [one.name for one in tmp_path.iterdir()] == ["signing.key"]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nxx\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_holds_no_key_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "signing.key").touch(mode=0o600)
    (tmp_path / "signing.key").write_bytes(content)
    with pytest.raises(SigningKeyError, match="holds no private key"):
        SigningKey.from_file(tmp_path / "signing.key")
    assert (tmp_path / "signing.key").read_bytes() == content


async def test_short_names_of_images_are_read_without_a_token(api: Api) -> None:
    base = (await api.http.get(METADATA, params={"api-version": "2022-09-01"})).json()
    assert base["vmImageAliasDoc"] == f"{base['resourceManager']}{ALIASES}"
    systems = (await api.http.get(ALIASES)).json()["outputs"]["aliases"]["value"]
    image = {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS"}
    assert systems["Linux"]["UbuntuServer-18.04-LTS"] == image | {"version": "latest", "architecture": "x64"}
    assert systems["Windows"]["WindowsServer-2019-Datacenter"]["publisher"] == "MicrosoftWindowsServer"
    known = [one for system in systems.values() for one in system.values()]
    assert len(known) == len(PLATFORM_SKUS)
