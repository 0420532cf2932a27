"""Outputs of templates: what they show, and what they must not show by whatever way."""

from typing import Any

import pytest

from tests.api.templates.test_template import read

SECRET = {"word": {"type": "SecureString", "defaultValue": "hunter2"}}


def output(value: str, kind: str = "string") -> dict[str, Any]:
    return {"shown": {"type": kind, "value": value}}


@pytest.mark.parametrize("kind", ["SecureString", "secureobject", "SECUREOBJECT"])
def test_f5_a_secure_output_is_not_shown_however_its_type_is_spelled(kind: str) -> None:
    template = read([], parameters=SECRET, outputs=output("[parameters('word')]", kind))
    assert template.results(lambda _: None) == {"shown": {"type": kind}}


@pytest.mark.parametrize(
    "value",
    [
        "[parameters('WORD')]",
        "[parameters(concat('wo', 'rd'))]",
        "[concat('a', variables('direct'))]",
        "[variables('INDIRECT')]",
        "[variables('round')]",
        "[variables(concat('dir', 'ect'))]",
        "[concat(variables('plain'), variables('direct'))]",
    ],
)
def test_f5_an_output_made_of_a_secret_by_any_way_is_shown_without_its_value(value: str) -> None:
    variables = {
        "plain": "x",
        "Direct": "[base64(parameters('word'))]",
        "indirect": {"a": ["[variables('direct')]"]},
        "round": ["[variables('ROUND')]", "[variables('indirect')]"],
    }
    template = read([], parameters=SECRET, variables=variables, outputs=output(value))
    assert template.results(lambda _: None)["shown"] == {"type": "string"}
    assert template.hidden_outputs == ["shown"]


def test_an_output_of_what_is_no_secret_is_shown_beside_secrets() -> None:
    parameters = {**SECRET, "name": {"type": "string", "defaultValue": "web"}}
    variables = {"secret": "[parameters('word')]", "open": "[parameters('name')]"}
    outputs = output("[concat(variables('open'), parameters('name'))]")
    template = read([], parameters=parameters, variables=variables, outputs=outputs)
    assert template.results(lambda _: None)["shown"]["value"] == "webweb"
    assert template.hidden_outputs == []
