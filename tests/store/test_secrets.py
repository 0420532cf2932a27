"""Behaviour.md F5: secrets are written down sealed or not at all."""

import base64
import json
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, text, update

from instar.store.database.sealing import Sealer, SealerProtocol
from instar.store.database.secret_places import put_back, take_out
from instar.store.database.tables import METADATA, MODELS
from instar.store.errors import SealingError
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, PlainSealer, document, extension, identity

PLANTED = {
    "adminPassword": 'Pl4nted-"pass/word"+\u00e9?&',
    "customData": "I2Nsb3VkLWNvbmZpZw-planted==",
    "userData": "planted user data; 100%\n",
    "protectedSettings": "planted-storage-key/+==",
    "content": "<AutoLogon><Password><Value>planted & \u00e9</Value></Password></AutoLogon>",
}


def planted() -> dict[str, Any]:
    whole = document(
        3,
        extension("script", {"commandToExecute": "run", "storageAccountKey": PLANTED["protectedSettings"]}),
        adminPassword=PLANTED["adminPassword"],
        CustomData=PLANTED["customData"],
    )
    whole["properties"]["virtualMachineProfile"]["userData"] = PLANTED["userData"]
    return answered(whole, part("AutoLogon", PLANTED["content"]))


def part(setting: str, content: object = None, component: str = "Microsoft-Windows-Shell-Setup") -> dict[str, Any]:
    """A part of Windows' answer file; without its content, as a client gets it, if that is None."""
    told = {"passName": "OobeSystem", "componentName": component, "settingName": setting}
    return told if content is None else told | {"content": content}


def answered(whole: dict[str, Any], *parts: dict[str, Any]) -> dict[str, Any]:
    """The same model with an answer file."""
    windows = {"additionalUnattendContent": list(parts)}
    whole["properties"]["virtualMachineProfile"]["osProfile"]["windowsConfiguration"] = windows
    return whole


def forms(secret: str) -> Iterator[bytes]:
    """The secret as it is, and as it looks escaped or encoded at any alignment."""
    raw = secret.encode()
    yield raw
    for escaped in (json.dumps(secret), json.dumps(secret, ensure_ascii=False), json.dumps(json.dumps(secret))):
        yield escaped.strip('"').removeprefix('\\"').removesuffix('\\"').encode()
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The first and last characters depend on the neighbours too.
            yield encode(b"\0" * shift + raw)[4 if shift else 0 : -4]


def found_in(content: bytes) -> set[str]:
    return {name for name, secret in PLANTED.items() if any(form in content for form in forms(secret))}


def everything(store: Store) -> bytes:
    with store.database.reading() as connection:
        rows = [list(connection.execute(select(table)).all()) for table in METADATA.sorted_tables]
    return repr(rows).encode()


def live(url: str, sealer: SealerProtocol) -> None:
    """A set's life with secrets: made, changed, one secret replaced, resealed."""
    with closing(Store.open(url, sealer)) as store:
        store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", planted(), NOW)
        store.scale_sets.put_model("u-1", planted() | {"tags": {"a": "b"}}, 1, NOW)
        store.reseal()


def test_f5_planted_secrets_are_nowhere_in_the_files_in_any_form(tmp_path: Path, sealer: Sealer) -> None:
    live(f"sqlite:///{tmp_path / 'instar.db'}", sealer)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Standard_D2s_v5" in content
    assert found_in(content) == set()


def test_f5_the_control_run_without_sealing_does_find_them(tmp_path: Path) -> None:
    live(f"sqlite:///{tmp_path / 'instar.db'}", PlainSealer())
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert found_in(content) == set(PLANTED)


def test_f5_the_look_for_secrets_knows_their_encoded_forms() -> None:
    for name, secret in PLANTED.items():
        for prefix in (b"", b"x", b"xy"):
            assert found_in(base64.b64encode(prefix + secret.encode() + b"tail")) == {name}
        assert found_in(json.dumps({"a": secret}).encode()) == {name}
        assert found_in(quote(secret, safe="").encode()) == {name}


def test_f5_planted_secrets_are_in_no_row_and_no_answer(store: Store) -> None:
    answers: list[object] = [store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", planted(), NOW)]
    answers += [store.scale_sets.put_model("u-1", planted() | {"tags": {}}, 1, NOW)]
    answers += [store.scale_sets.find(identity().resource_id), *store.scale_sets.list(SUBSCRIPTION)]
    answers += [store.scale_sets.model("u-1", 1), store.scale_sets.model("u-1", 2)]
    assert found_in(everything(store)) == set()
    assert found_in(repr(answers).encode() + json.dumps(answers, default=str).encode()) == set()
    assert "adminPassword" not in repr(answers)


def test_f5_planted_secrets_are_in_no_error_text(url: str) -> None:
    with closing(Store.open(url, PlainSealer())) as store:
        with store.database.writing() as connection:
            connection.execute(text("DROP TABLE sealed_secrets"))
        with pytest.raises(Exception, match="sealed_secrets") as failed:
            store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", planted(), NOW)
    assert found_in("".join(traceback.format_exception(failed.value)).encode()) == set()
    with pytest.raises(ValueError, match="no JSON") as refused:
        take_out(planted() | {"protectedSettings": {PLANTED["userData"]: object()}})
    assert found_in("".join(traceback.format_exception(refused.value)).encode()) == set()


def test_f5_the_opened_model_is_the_one_that_was_given(store: Store) -> None:
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", planted(), NOW)
    assert store.scale_sets.open_model("u-1", 1) == planted()


def test_f5_a_secret_that_a_client_cannot_send_back_is_kept(store: Store) -> None:
    made = store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", planted(), NOW)
    changed = json.loads(json.dumps(made.document))
    changed["sku"]["capacity"] = 7
    store.scale_sets.put_model("u-1", changed, 1, NOW)
    expected = planted()
    expected["sku"]["capacity"] = 7
    assert store.scale_sets.open_model("u-1", 2) == expected
    assert store.scale_sets.open_model("u-1", 1) == planted()


def test_f5_a_document_without_its_secrets_says_the_same(store: Store) -> None:
    made = store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", planted(), NOW)
    assert store.scale_sets.put_model("u-1", made.document, 1, NOW).generation == 1
    assert store.scale_sets.put_model("u-1", planted(), 1, NOW).generation == 1


def test_f5_a_changed_secret_is_a_new_generation_and_the_old_one_keeps_its_own(store: Store) -> None:
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(adminPassword="one"), NOW)
    assert store.scale_sets.put_model("u-1", document(adminPassword="two"), 1, NOW).generation == 2
    assert store.scale_sets.open_model("u-1", 1) == document(adminPassword="one")
    assert store.scale_sets.open_model("u-1", 2) == document(adminPassword="two")


def test_f5_a_secret_given_in_another_case_replaces_the_old_one(store: Store) -> None:
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(adminPassword="one"), NOW)
    store.scale_sets.put_model("u-1", document(AdminPassword="two"), 1, NOW)
    assert store.scale_sets.open_model("u-1", 2) == document(AdminPassword="two")


def test_f5_a_secret_given_as_null_is_taken_away(store: Store) -> None:
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(adminPassword="one"), NOW)
    assert store.scale_sets.put_model("u-1", document(adminPassword=None), 1, NOW).generation == 2
    assert store.scale_sets.open_model("u-1", 2) == document()
    assert store.scale_sets.put_model("u-1", document(adminPassword=None), 2, NOW).generation == 2


def test_f5_a_secret_whose_place_is_gone_goes_with_it(store: Store) -> None:
    both = document(3, extension("a", {"k": "a"}), extension("b", {"k": "b"}), adminPassword="p")
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", both, NOW)
    without = document(3, extension("b"))
    del without["properties"]["virtualMachineProfile"]["osProfile"]
    store.scale_sets.put_model("u-1", without, 1, NOW)
    expected = document(3, extension("b", {"k": "b"}))
    del expected["properties"]["virtualMachineProfile"]["osProfile"]
    assert store.scale_sets.open_model("u-1", 2) == expected
    store.scale_sets.put_model("u-1", document(3, extension("a"), extension("b")), 2, NOW)
    assert store.scale_sets.open_model("u-1", 3) == document(3, extension("a"), extension("b", {"k": "b"}))


def test_f5_an_extension_added_in_front_does_not_inherit_its_neighbours_secret(store: Store) -> None:
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(3, extension("a", {"k": "a"})), NOW)
    store.scale_sets.put_model("u-1", document(3, extension("new"), extension("A")), 1, NOW)
    assert store.scale_sets.open_model("u-1", 2) == document(3, extension("new"), extension("A", {"k": "a"}))


def test_f5_an_extension_of_another_kind_under_the_same_name_inherits_nothing(store: Store) -> None:
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(3, extension("a", {"k": "a"})), NOW)
    store.scale_sets.put_model("u-1", document(3, extension("a", kind="Exfiltrate")), 1, NOW)
    assert store.scale_sets.open_model("u-1", 2) == document(3, extension("a", kind="Exfiltrate"))


def test_f5_an_answer_files_content_is_kept_for_its_own_setting(store: Store) -> None:
    had = answered(document(3), part("AutoLogon", "a"), part("FirstLogonCommands", "f"))
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", had, NOW)
    turned = answered(document(3), part("firstlogoncommands"), part("AutoLogon"))
    store.scale_sets.put_model("u-1", turned, 1, NOW)
    assert store.scale_sets.open_model("u-1", 2) == answered(
        document(3), part("firstlogoncommands", "f"), part("AutoLogon", "a")
    )
    fewer = answered(document(3), part("AutoLogon", component="Elsewhere"), part("FirstLogonCommands", "new"))
    store.scale_sets.put_model("u-1", fewer, 2, NOW)
    assert store.scale_sets.open_model("u-1", 3) == fewer
    gone = answered(document(3), part("FirstLogonCommands") | {"content": None})
    store.scale_sets.put_model("u-1", gone, 3, NOW)
    assert store.scale_sets.open_model("u-1", 4) == answered(document(3), part("FirstLogonCommands"))


def test_f5_what_an_earlier_release_kept_in_the_clear_is_sealed_and_no_machine_is_upgraded_for_it(
    store: Store,
) -> None:
    whole = answered(document(3), part("AutoLogon", PLANTED["content"]))
    bare = answered(document(3), part("AutoLogon"))
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", bare, NOW)
    with store.database.writing() as connection:
        connection.execute(update(MODELS).values(document=whole))
    assert found_in(everything(store)) == {"content"}
    assert (store.seal_clear_secrets(), store.seal_clear_secrets()) == (1, 0)
    assert found_in(everything(store)) == set()
    assert store.scale_sets.open_model("u-1", 1) == whole
    same = store.scale_sets.put_model("u-1", bare | {"tags": {"a": "b"}}, 1, NOW)
    assert (same.generation, same.machine_generation) == (2, 1)


@pytest.mark.parametrize(
    "odd",
    [
        {"additionalUnattendContent": [{"content": "a"}, {"Content": {"x": 1}}, "content"]},
        {"AdditionalUnattendContent": {"content": "no list", "settingName": "content"}},
        {"additionalUnattendContent": [[{"content": "deep"}], {"settingName": "s", "content": ""}]},
        {"extensions": [{"protectedSettings": 1}, {"protectedSettings": {"x": None}}]},
        {"extensions": [{"name": "same", "customData": "a"}, {"name": "SAME", "customData": "b"}]},
        {"extensions": [{"name": "a/b~c", "customData": ""}, {"name": 7, "userData": []}]},
        {"a/b": {"userData": False}, "a": {"b": {"userData": 0}}, "we\x00b": {"userData": "nul"}},
        {"USERDATA": {"adminPassword": "within"}, "userData": "beside"},
        {"list": [[{"customData": "deep"}], "text", None]},
    ],
)
def test_f5_secrets_at_odd_places_are_taken_out_and_put_back(store: Store, odd: dict[str, Any]) -> None:
    clean, secrets = take_out(odd)
    assert secrets
    assert take_out(clean) == (clean, {})
    assert put_back(clean, secrets) == odd
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", odd, NOW)
    assert store.scale_sets.open_model("u-1", 1) == odd
    assert store.scale_sets.put_model("u-1", clean, 1, NOW).generation == 1


def test_f5_after_resealing_the_old_key_is_needed_no_more(url: str) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    with closing(Store.open(url, Sealer([old]))) as store:
        store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", planted(), NOW)
    with closing(Store.open(url, Sealer([new]))) as store:
        with pytest.raises(SealingError):
            store.scale_sets.open_model("u-1", 1)
        with pytest.raises(SealingError):
            store.reseal()
    with closing(Store.open(url, Sealer([new, old]))) as store:
        assert store.reseal() == len(PLANTED)
    with closing(Store.open(url, Sealer([new]))) as store:
        assert store.scale_sets.open_model("u-1", 1) == planted()


def test_f5_a_secret_kept_through_a_put_is_sealed_with_the_first_key(url: str) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    with closing(Store.open(url, Sealer([old]))) as store:
        store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(3, adminPassword="p"), NOW)
    with closing(Store.open(url, Sealer([new, old]))) as store:
        store.scale_sets.put_model("u-1", document(4), 1, NOW)
    with closing(Store.open(url, Sealer([new]))) as store:
        assert store.scale_sets.open_model("u-1", 2) == document(4, adminPassword="p")
