"""The codec server of Temporal: `temporal … --codec-endpoint https://HOST/codec --codec-auth "Bearer TOKEN"`.

Both take the role Reader at `/`, because what is sealed is of all scale sets (instar/domain/access.py). Sealing lets
nobody do more: a workflow takes a message in clear as well, from whoever reaches Temporal.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.services.dependencies import Services, ServicesDep
from api.wire.bodies import described, raw_body
from api.wire.errors import ArmError
from instar.connection.codec_requests import CodecRefusal, Verb, answer

router = APIRouter(tags=["codec"])

_BODY = described({"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "Mg=="}]})


@router.post("/codec/decode", response_model=None, openapi_extra=_BODY)
async def decode(request: Request, services: ServicesDep) -> Response:
    """Open payloads, as Temporal's codec servers do; the header with the namespace does not matter here."""
    return await _answered(Verb.DECODE, request, services)


@router.post("/codec/encode", response_model=None, openapi_extra=_BODY)
async def encode(request: Request, services: ServicesDep) -> Response:
    """Seal payloads, as Temporal's codec servers do."""
    return await _answered(Verb.ENCODE, request, services)


async def _answered(verb: Verb, request: Request, services: Services) -> Response:
    try:
        text = await answer(services.codec, verb, await raw_body(request))
    except CodecRefusal as refusal:
        raise ArmError(refusal.status, "InvalidRequestContent", str(refusal)) from None
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})
