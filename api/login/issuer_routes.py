"""Where clients learn how to log in, and get their tokens: `az cloud register`, `az login --service-principal`, SDKs.

Open routes, by their nature. The shapes are those that the clients were seen to need (docs/rules.md K8).
"""

import base64
import binascii
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from api.access.own_issuer import LIFE, TENANT, OwnIssuer
from api.login.failed_logins import refused_login
from api.login.image_aliases import image_aliases
from api.services.dependencies import ServicesDep
from api.services.public_url import public_url
from api.wire.errors import ArmError, not_found
from instar.store.catalogue import PLATFORM_SKUS

FORM_AT_MOST = 65_536
FIRST_WITH_AN_OBJECT = "2018-05-01"
"""Metadata of older api-versions names its endpoints otherwise."""

DISCOVERY = f"/{TENANT}/v2.0/.well-known/openid-configuration"
TOKEN = f"/{TENANT}/oauth2/v2.0/token"
KEYS = f"/{TENANT}/discovery/v2.0/keys"
METADATA = "/metadata/endpoints"
ALIASES = "/metadata/aliases"

OPEN_PATHS = frozenset({DISCOVERY, TOKEN, KEYS, METADATA, ALIASES})

Json = dict[str, Any]

router = APIRouter(tags=["access"])


async def own_issuer(services: ServicesDep) -> OwnIssuer:
    """The issuer whose routes these are. Without one, there are no such routes."""
    issuer = services.access.own
    if issuer is None:
        raise not_found()
    return issuer


IssuerDep = Annotated[OwnIssuer, Depends(own_issuer)]


@router.get(METADATA, response_model=None)
async def endpoints(
    request: Request, services: ServicesDep, api_version: Annotated[str, Query(alias="api-version")] = ""
) -> Json:
    """What a cloud is made of, for `az cloud register`."""
    base = public_url(request, services)
    if api_version and api_version < FIRST_WITH_AN_OBJECT:
        login = {"loginEndpoint": base, "audiences": [f"{base}/"]}
        return {"galleryEndpoint": base, "graphEndpoint": base, "portalEndpoint": base, "authentication": login}
    return {
        "name": "Instar",
        "portal": base,
        "resourceManager": base,
        "authentication": {
            "loginEndpoint": base,
            "audiences": [f"{base}/", base],
            "tenant": TENANT,
            "identityProvider": "AAD",
        },
        "media": base,
        "graphAudience": base,
        "graph": base,
        "suffixes": {},
        "batch": base,
        "vmImageAliasDoc": f"{base}{ALIASES}",
    }


@router.get(ALIASES, response_model=None)
async def aliases() -> Json:
    """Short names of images, for `az vm image list` and `az vmss create --image`."""
    return image_aliases(PLATFORM_SKUS)


@router.get(DISCOVERY, response_model=None)
async def discovery(request: Request, services: ServicesDep) -> Json:
    """The OpenID Connect discovery document."""
    base = public_url(request, services)
    return {
        "issuer": f"{base}/{TENANT}/v2.0",
        "authorization_endpoint": f"{base}/{TENANT}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}{TOKEN}",
        "jwks_uri": f"{base}{KEYS}",
        "response_types_supported": ["token"],
        "grant_types_supported": ["client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    }


@router.get(KEYS, response_model=None)
async def keys(issuer: IssuerDep) -> Json:
    """The public keys that tokens of ours are verified with."""
    return issuer.keys


@router.post(TOKEN, response_model=None)
async def token(request: Request, services: ServicesDep, issuer: IssuerDep) -> Response:
    """A token for a client's id and secret (`grant_type=client_credentials`).

    A good secret gets one always, whatever else comes from the same address; of too many bad ones the rest get 429.
    """
    form = await _form(request)
    if form.get("grant_type") != "client_credentials":
        return _refused(400, "unsupported_grant_type", "the grant_type must be client_credentials")
    client_id, secret = _client(request, form)
    issued = await issuer.issued(client_id, secret) if client_id and secret else None
    if issued is None:
        if seconds := await refused_login(request, services, client_id):
            later = f"Too many log-ins failed within a minute. Try again in {seconds} seconds."
            return _refused(429, "temporarily_unavailable", later, {"Retry-After": str(seconds)})
        # Azure's number, which clients turn into a sentence of their own.
        return _refused(401, "invalid_client", "AADSTS7000215: Invalid client secret provided, or unknown client.")
    seconds = int(LIFE.total_seconds()) - 1
    body = {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": issued}
    return JSONResponse(body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


async def _form(request: Request) -> dict[str, str]:
    raw, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > FORM_AT_MOST:
            raise ArmError(413, "RequestContentTooLarge", f"The request is larger than {FORM_AT_MOST} bytes.")
        raw.append(part)
    try:
        return dict(parse_qsl(b"".join(raw).decode("utf-8"), max_num_fields=50))
    except ValueError:
        return {}


def _client(request: Request, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(given, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return client_id, secret


def _refused(status: int, error: str, description: str, more: dict[str, str] | None = None) -> JSONResponse:
    headers = {"Cache-Control": "no-store"} | (more or {})
    headers |= {"WWW-Authenticate": "Basic"} if status == 401 else {}  # noqa: PLR2004
    return JSONResponse({"error": error, "error_description": description}, status_code=status, headers=headers)
