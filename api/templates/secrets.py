"""What of a template is made of secrets: of secure parameters, also by way of variables, and of `list…` functions."""

from collections.abc import Iterator
from typing import Any

from api.templates.expressions import Call, Literal, calls_in
from api.templates.functions.made_up import is_listing
from api.templates.scope import Scope


def reaches_secure_parameter(part: Any, scope: Scope) -> bool:
    """Whether a part of a template is made of a secure parameter."""
    return bool(scope.secure) and any(_is_secure(call, scope.secure) for call in _reached(part, scope))


def reaches_listing(part: Any, scope: Scope) -> bool:
    """Whether a part of a template is made of what `listKeys` or the like gives."""
    return any(is_listing(call.name) for call in _reached(part, scope))


def is_secret(part: Any, scope: Scope) -> bool:
    """Whether a part of a template must not be shown."""
    return reaches_secure_parameter(part, scope) or reaches_listing(part, scope)


def without_secret_parts(value: Any, scope: Scope) -> Any:
    """The same without members and items that are made of secrets; None for a value that itself is."""
    if isinstance(value, dict):
        return {key: without_secret_parts(inner, scope) for key, inner in value.items() if not _is_secret(inner, scope)}
    if isinstance(value, list):
        return [without_secret_parts(item, scope) for item in value if not _is_secret(item, scope)]
    return value


def _is_secret(value: Any, scope: Scope) -> bool:
    return isinstance(value, str) and is_secret(value, scope)


def _is_secure(call: Call, secure: frozenset[str]) -> bool:
    word = _word(call)
    return call.name == "parameters" and word is not None and (word in secure or not word)


def _word(call: Call) -> str | None:
    """Which parameter or variable is named, empty where only an evaluation tells; None for any other function."""
    if call.name not in ("parameters", "variables") or not call.arguments:
        return None
    first = call.arguments[0]
    return str(first.value).lower() if isinstance(first, Literal) else ""


def _reached(part: Any, scope: Scope) -> Iterator[Call]:
    """The calls in a part of a template and in the variables that it names."""
    waiting, seen = [part], set[str]()
    while waiting:
        for call in calls_in(waiting.pop()):
            yield call
            word = _word(call)
            if call.name == "variables" and word is not None and word not in seen:
                seen.add(word)
                waiting += [value for key, value in scope.variables.items() if key.lower() == word or not word]


def secret_paths(value: Any, scope: Scope) -> frozenset[tuple[str, ...]]:
    """Where in a part of a template something is made of secrets: keys in lower case, `#` for members of a list."""
    found: set[tuple[str, ...]] = set()
    waiting: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, dict):
            for key, inner in one.items():
                if key.lower() == "copy" and isinstance(inner, list):
                    waiting += [((*path, str(copy["name"]).lower(), "#"), copy.get("input")) for copy in inner]
                else:
                    waiting.append(((*path, key.lower()), inner))
        elif isinstance(one, list):
            waiting += [((*path, "#"), item) for item in one]
        elif _is_secret(one, scope):
            found.add(path)
    return frozenset(found)
