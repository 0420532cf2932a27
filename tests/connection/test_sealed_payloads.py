"""What goes through Temporal is sealed, and opens again as it was (docs/rules.md F5)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from instar.connection.payload_walk import payloads_in
from instar.connection.sealed_payloads import KEY_ID, SealedPayloads, is_sealed
from instar.store.database.key_file import KeyFile
from instar.store.errors import SealingError
from workflows.plugin import instar_plugin

NOW = datetime(2026, 11, 30, tzinfo=UTC)
PLAIN = Payload(metadata={"encoding": b"json/plain", "mine": b"1"}, data=b'"10.1.2.3 is unhealthy"')
KEPT = (
    "9b0f27b141c4cd9ce3fb67f9c1c46cda70dedc2ea91f073769469c7618293154e0f82a43506b330ec81cb632f7655c9c"
    "4482245cf0cd684c8e35ab62"
)
WORDS = (b"10.1.2.3", b"unhealthy", b"json/plain")


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "seal.keys")


@pytest.fixture
def codec(keys: KeyFile) -> SealedPayloads:
    return SealedPayloads(keys)


async def test_f5_a_payload_tells_nothing_but_its_key_and_opens_as_it_was(codec: SealedPayloads, keys: KeyFile) -> None:
    first, second = await codec.encode([PLAIN, PLAIN])
    assert first.metadata["encoding"] == b"binary/encrypted"
    assert first.metadata[KEY_ID].decode() == keys.ring().keys[0].fingerprint
    assert not any(word in first.SerializeToString() for word in WORDS)
    assert first.data[:12] != second.data[:12]
    assert first.data[12:] != second.data[12:]
    assert await codec.decode([first, second]) == [PLAIN, PLAIN]
    assert first.ByteSize() - PLAIN.ByteSize() < 200


async def test_f5_what_was_sealed_once_opens_in_every_release_to_come(tmp_path: Path) -> None:
    """Made with the bytes 0 to 31 as the key: another derivation, cipher or binding would open nothing that is kept."""
    (tmp_path / "kept.keys").touch(mode=0o600)
    (tmp_path / "kept.keys").write_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    kept = Payload(
        metadata={"encoding": b"binary/encrypted", "encryption-cipher": b"AES256-GCM", KEY_ID: b"244d05ea660bb9bc"},
        data=bytes.fromhex(KEPT),
    )
    [opened] = await SealedPayloads(KeyFile(tmp_path / "kept.keys")).decode([kept])
    assert opened == Payload(metadata={"encoding": b"json/plain"}, data=b'"kept"')


async def test_f5_what_is_in_clear_is_read_as_it_is(codec: SealedPayloads) -> None:
    [sealed] = await codec.encode([PLAIN])
    assert await codec.decode([PLAIN, sealed, Payload()]) == [PLAIN, PLAIN, Payload()]
    assert await codec.decode([]) == await codec.encode([]) == []


async def test_f5_sealed_twice_is_opened_twice(codec: SealedPayloads) -> None:
    [once] = await codec.encode([PLAIN])
    [twice] = await codec.encode([once])
    assert await codec.decode([twice]) == [once]


@pytest.mark.parametrize("place", [0, 11, 12, 30, -1])
async def test_f5_one_changed_bit_is_noticed(codec: SealedPayloads, place: int) -> None:
    [sealed] = await codec.encode([PLAIN])
    data = bytearray(sealed.data)
    data[place] ^= 1
    sealed.data = bytes(data)
    with pytest.raises(SealingError, match="was changed"):
        await codec.decode([sealed])


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 12, b"x" * 40])
async def test_f5_nonsense_is_refused(codec: SealedPayloads, data: bytes) -> None:
    [sealed] = await codec.encode([PLAIN])
    sealed.data = data
    with pytest.raises(SealingError, match="was changed"):
        await codec.decode([sealed])


async def test_f5_the_name_of_the_key_is_bound_to_what_it_sealed(codec: SealedPayloads, keys: KeyFile) -> None:
    [sealed] = await codec.encode([PLAIN])
    sealed.metadata[KEY_ID] = keys.add_first(NOW).fingerprint.encode()
    with pytest.raises(SealingError, match="was changed"):
        await codec.decode([sealed])


async def test_f5_a_running_process_takes_a_new_key_up_and_opens_what_is_old(
    codec: SealedPayloads, keys: KeyFile
) -> None:
    [old] = await codec.encode([PLAIN])
    made = KeyFile(keys.path).add_first(NOW)
    [new] = await SealedPayloads(KeyFile(keys.path)).encode([PLAIN])
    assert await codec.decode([old, new]) == [PLAIN, PLAIN]
    [own] = await codec.encode([PLAIN])
    assert own.metadata[KEY_ID].decode() == made.fingerprint


@pytest.mark.parametrize("key_id", [b"", b"0123456789abcdef", b"\xff\xfe" * 500])
async def test_f5_a_key_that_is_not_there_is_named_with_what_to_do(codec: SealedPayloads, key_id: bytes) -> None:
    [sealed] = await codec.encode([PLAIN])
    sealed.metadata[KEY_ID] = key_id
    with pytest.raises(SealingError, match="put that key back") as refused:
        await codec.decode([sealed])
    assert len(str(refused.value)) < 500


async def test_f5_another_ring_opens_nothing(codec: SealedPayloads, tmp_path: Path) -> None:
    other = SealedPayloads(KeyFile(tmp_path / "other.keys"))
    with pytest.raises(SealingError):
        await other.decode(await codec.encode([PLAIN]))


def converter_with(codec: SealedPayloads | None) -> DataConverter:
    converter = instar_plugin(codec).data_converter
    assert isinstance(converter, DataConverter)
    return converter


def sick() -> None:
    try:
        int("10.1.2.3 refuses")
    except ValueError as cause:
        raise ApplicationError("10.1.2.3 is unhealthy", Told(address="10.1.2.3"), type="Sick") from cause


class Told(BaseModel):
    """What an error may carry."""

    address: str


async def test_f5_failures_tell_nothing_in_clear_and_come_back_as_they_were(codec: SealedPayloads) -> None:
    converter = converter_with(codec)
    failure = Failure()
    try:
        sick()
    except ApplicationError as error:
        await converter.encode_failure(error, failure)
    raw = failure.SerializeToString()
    assert not any(word in raw for word in (b"10.1.2.3", b"unhealthy", b"refuses", b"test_sealed_payloads"))
    assert b"Sick" in raw
    assert all(map(is_sealed, payloads_in(failure)))
    back = await converter.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert (back.message, back.type) == ("10.1.2.3 is unhealthy", "Sick")
    assert isinstance(back.cause, ApplicationError)
    assert "10.1.2.3 refuses" in back.cause.message
    assert [dict(detail) for detail in back.details] == [{"address": "10.1.2.3"}]


async def test_f8_failures_of_a_release_that_did_not_seal_are_read(codec: SealedPayloads) -> None:
    failure = Failure()
    await converter_with(None).encode_failure(ApplicationError("no room", type="Full"), failure)
    assert failure.message == "no room"
    back = await converter_with(codec).decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert back.message == "no room"
