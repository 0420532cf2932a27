"""The protocol of Temporal's codec servers, without a server."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from instar.connection.codec_requests import BODY_AT_MOST, CodecRefusal, Verb, answer
from instar.connection.sealed_payloads import SealedPayloads
from instar.store.database.key_file import KeyFile


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def payload(text: str) -> dict[str, Any]:
    return {"metadata": {"encoding": in_base64("json/plain")}, "data": in_base64(text)}


@pytest.fixture
def codec(tmp_path: Path) -> SealedPayloads:
    return SealedPayloads(KeyFile(tmp_path / "seal.keys"))


async def test_what_was_encoded_is_decoded_in_its_order(codec: SealedPayloads) -> None:
    given = {"payloads": [payload('"first"'), payload('"second"')]}
    sealed = await answer(codec, Verb.ENCODE, json.dumps(given).encode())
    encodings = {one["metadata"]["encoding"] for one in json.loads(sealed)["payloads"]}
    assert encodings == {in_base64("binary/encrypted")}
    assert json.loads(await answer(codec, Verb.DECODE, sealed.encode())) == given


async def test_what_is_in_clear_is_decoded_to_itself(codec: SealedPayloads) -> None:
    given = {"payloads": [payload('"first"')]}
    assert json.loads(await answer(codec, Verb.DECODE, json.dumps(given).encode())) == given
    for nothing in (b'{"payloads": []}', b"{}"):  # the second one is what a query without arguments is
        assert json.loads(await answer(codec, Verb.ENCODE, nothing)) == {}


async def test_members_of_a_newer_temporal_are_let_be(codec: SealedPayloads) -> None:
    given = {"payloads": [payload("1") | {"newer": True}], "newer": {}}
    assert json.loads(await answer(codec, Verb.DECODE, json.dumps(given).encode())) == {"payloads": [payload("1")]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"payloads": {}}',
        b'{"payloads": [1]}',
        b'{"payloads": [{"data": 7}]}',
        b'{"payloads": [{"metadata": []}]}',
        b'{"payloads": [{"metadata": {"encoding": ["a"]}}]}',
        b'{"payloads": [{"metadata": {"encoding": "\\ud800"}}]}',
        b"[" * 100_000,
        b'{"payloads": ' + b"[" * 100_000,
        b'{"payloads": [{"data": "' + b"A" * 5 + b'"}]}',
    ],
)
@pytest.mark.parametrize("verb", Verb)
async def test_nonsense_is_refused_with_what_to_send(codec: SealedPayloads, verb: Verb, body: bytes) -> None:
    with pytest.raises(CodecRefusal, match="it is like") as refused:
        await answer(codec, verb, body)
    assert refused.value.status == 400


async def test_a_body_that_is_too_large_is_refused(codec: SealedPayloads) -> None:
    with pytest.raises(CodecRefusal, match="4 MiB") as refused:
        await answer(codec, Verb.DECODE, b" " * (BODY_AT_MOST + 1))
    assert refused.value.status == 413


async def test_what_no_key_opens_is_refused_with_the_reason(codec: SealedPayloads, tmp_path: Path) -> None:
    other = SealedPayloads(KeyFile(tmp_path / "other.keys"))
    sealed = await answer(other, Verb.ENCODE, json.dumps({"payloads": [payload("1")]}).encode())
    with pytest.raises(CodecRefusal, match="instar keys list") as refused:
        await answer(codec, Verb.DECODE, sealed.encode())
    assert refused.value.status == 400
