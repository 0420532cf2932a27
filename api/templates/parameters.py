"""Parameters of a template: what it declares, what the deployment gives, and whether the one fits the other."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from api.templates.errors import TemplateError
from api.templates.scope import Scope

Json = dict[str, Any]

SECURE = ("securestring", "secureobject")
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "securestring": (str,),
    "int": (int,),
    "bool": (bool,),
    "object": (dict,),
    "secureobject": (dict,),
    "array": (list,),
}
_WORDS = {"true": True, "false": False}


def resolved(declared: Mapping[str, Any], given: Mapping[str, Any], scope: Scope) -> Json:
    """Name -> value of every declared parameter; defaults may name other parameters.

    Raises TemplateError for a missing, unknown or unfitting one. A text is taken where a number or a truth is declared
    and the text is one: templates of old write them so.
    """
    by_name = {name.lower(): value for name, value in given.items()}
    unknown = [name for name in given if name.lower() not in (one.lower() for one in declared)]
    if unknown:
        raise TemplateError(f"the deployment gives the parameter '{unknown[0]}', which the template does not declare")
    values: Json = {}
    for name, declaration in declared.items():
        if not isinstance(declaration, dict):
            raise TemplateError(f"the declaration of parameter '{name}' must be an object")
        if (value := _given(name, by_name.get(name.lower()))) is None:
            if "defaultValue" not in declaration and declaration.get("nullable") is True:
                values[name] = None
                continue
            if "defaultValue" not in declaration:
                raise TemplateError(f"the parameter '{name}' has no value and no default")
            value = replace(scope, parameters=values, is_default=True).evaluated(declaration["defaultValue"])
        values[name] = _fitting(name, declaration, value)
    return values


def with_definitions(document: Mapping[str, Any]) -> Json:
    """The declared parameters, each with the type that it refers to by `$ref`. Raises TemplateError.

    >>> document = {"definitions": {"size": {"type": "int", "minValue": 1}}}
    >>> with_definitions({**document, "parameters": {"n": {"$ref": "#/definitions/size", "nullable": True}}})
    {'n': {'type': 'int', 'minValue': 1, 'nullable': True}}
    """
    definitions = document.get("definitions") or {}
    return {name: _dereferenced(name, value, definitions) for name, value in (document.get("parameters") or {}).items()}


def _dereferenced(name: str, declaration: Any, definitions: Json) -> Any:
    seen: set[str] = set()
    while isinstance(declaration, dict) and "$ref" in declaration:
        word = str(declaration["$ref"]).removeprefix("#/definitions/")
        if word in seen or not isinstance(definitions.get(word), dict):
            raise TemplateError(f"the type that the parameter '{name}' refers to is not among the 'definitions'")
        seen.add(word)
        rest = {key: value for key, value in declaration.items() if key != "$ref"}
        declaration = {**definitions[word], **rest}
    return declaration


def secure_names(declared: Mapping[str, Any]) -> tuple[str, ...]:
    """The parameters whose values must not be kept or shown (docs/rules.md F5)."""
    return tuple(
        name
        for name, declaration in declared.items()
        if isinstance(declaration, dict) and str(declaration.get("type", "")).lower() in SECURE
    )


def _given(name: str, entry: Any) -> Any:
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise TemplateError(f"the value of parameter '{name}' must be an object with 'value'")
    if "reference" in entry:
        raise TemplateError(f"the parameter '{name}' refers to a key vault, which is not supported: give its value")
    return entry.get("value")


def _fitting(name: str, declaration: Json, value: Any) -> Any:
    kind = str(declaration.get("type", "")).lower()
    if kind not in _TYPES:
        raise TemplateError(f"the type '{declaration.get('type')}' of parameter '{name}' is not supported")
    value = _coerced(kind, value)
    if not isinstance(value, _TYPES[kind]) or (kind == "int" and isinstance(value, bool)):
        raise TemplateError(f"the value of parameter '{name}' must be of type {kind}")
    allowed = declaration.get("allowedValues")
    if isinstance(allowed, list) and value not in allowed:
        raise TemplateError(f"the value of parameter '{name}' must be one of {', '.join(map(str, allowed))}")
    size = value if isinstance(value, int) else len(value) if isinstance(value, str | list) else None
    for limit, beyond in (("minValue", -1), ("maxValue", 1), ("minLength", -1), ("maxLength", 1)):
        bound = declaration.get(limit)
        if size is not None and kind != "bool" and isinstance(bound, int) and (size - bound) * beyond > 0:
            raise TemplateError(f"the value of parameter '{name}' is outside its {limit} of {bound}")
    return value


def _coerced(kind: str, value: Any) -> Any:
    if kind == "int" and isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    if kind == "bool" and isinstance(value, str):
        return _WORDS.get(value.lower(), value)
    return value
