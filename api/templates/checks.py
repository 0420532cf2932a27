"""What is wrong with a template whatever it is given: its shape, its language, functions that are not known."""

from collections.abc import Collection, Iterator
from typing import Any

from api.templates.errors import TemplateError
from api.templates.expressions import calls_in
from api.templates.limits import NESTED_AT_MOST
from api.templates.planned import DEPLOYMENTS, listed
from api.templates.scope import OwnFunction, is_supported

Json = dict[str, Any]

LANGUAGES = ("1.0", "1.10-experimental", "1.9-experimental", "2.0", "2.1-experimental", "2.2-experimental")
OTHER_SCOPES = ("subscription", "managementgroup", "tenant")


def check_shape(document: Json) -> None:
    """Raises TemplateError that names what is wrong; functions that are not known all at once, nested ones too."""
    unknown: set[str] = set()
    _check(document, unknown, 0)
    if unknown:
        raise TemplateError(f"the template {named('function', sorted(unknown))} not supported")


def _check(document: Json, unknown: set[str], depth: int) -> None:
    if depth > NESTED_AT_MOST:
        raise TemplateError(f"the template nests deployments deeper than {NESTED_AT_MOST} levels")
    for name in ("parameters", "variables", "outputs", "definitions"):
        if not isinstance(_given(document, name, {}), dict):
            raise TemplateError(f"'{name}' of the template must be an object")
    _check_language(document)
    own = own_functions(document)
    if not all(isinstance(output, dict) for output in (document.get("outputs") or {}).values()):
        raise TemplateError("every output of the template must be an object with 'type' and 'value'")
    outputs, declared = document.get("outputs") or {}, document.get("parameters") or {}
    resources = [*_all_resources(listed(document.get("resources") or []))]
    parts = [*declared.values(), *outputs.values(), *resources]
    said = [*(_said(part) for part in parts), document.get("variables"), [member.value for member in own.values()]]
    for part in said:
        unknown.update(call.name for call in calls_in(part) if not is_supported(call.name) and call.name not in own)
    for resource in resources:
        inner, is_inner = _nested(resource)
        if inner is not None:
            _check(inner if is_inner else inner | {"functions": document.get("functions")}, unknown, depth + 1)


def own_functions(document: Json) -> dict[str, OwnFunction]:
    """The functions that a template brings along, by `namespace.name` in lower case. Raises TemplateError."""
    found: dict[str, OwnFunction] = {}
    for space in _list(document.get("functions"), "functions"):
        members = space.get("members") if isinstance(space, dict) else None
        if not isinstance(members, dict) or not isinstance(space.get("namespace"), str):
            raise TemplateError("every entry of 'functions' needs 'namespace' and 'members'")
        for name, member in members.items():
            output = member.get("output") if isinstance(member, dict) else None
            declared = _list(member.get("parameters"), f"parameters of {name}") if isinstance(member, dict) else []
            names = tuple(str(one.get("name")) for one in declared if isinstance(one, dict))
            if not isinstance(output, dict) or "value" not in output or len(names) < len(declared):
                raise TemplateError(f"the function '{name[:80]}' of the template needs 'output' with 'value'")
            found[f"{space['namespace']}.{name}".lower()] = OwnFunction(names, output["value"])
    return found


def named(noun: str, names: Collection[str]) -> str:
    """Some things by their names, and the verb.

    >>> named("function", ["a"]), named("function", ["a", "b"])
    ("function 'a' is", "functions 'a', 'b' are")
    """
    shown = ", ".join(f"'{name[:80]}'" for name in names)
    return f"{noun}{'s' if len(names) > 1 else ''} {shown} {'are' if len(names) > 1 else 'is'}"


def _list(value: Any, name: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise TemplateError(f"'{name}' of the template must be a list")
    return value


def _given(document: Json, name: str, otherwise: Any) -> Any:
    value = document.get(name)
    return otherwise if value is None else value


def _all_resources(resources: list[Any]) -> Iterator[Any]:
    for resource in resources:
        yield resource
        children = resource.get("resources") if isinstance(resource, dict) else None
        yield from _all_resources(children if isinstance(children, list) else [])


def _said(part: Any) -> Any:
    """A parameter, resource or output without what is said to its reader only, its children, and its template."""
    if not isinstance(part, dict):
        return part
    said = {key: value for key, value in part.items() if key.lower() not in ("metadata", "comments", "resources")}
    if str(said.get("type")).lower() == DEPLOYMENTS and isinstance(said.get("properties"), dict):
        kept = {key: value for key, value in said["properties"].items() if key.lower() != "template"}
        said["properties"] = kept
    return said


def _nested(resource: Any) -> tuple[Json | None, bool]:
    """The template of a deployment in a template, and whether it has a scope of its own."""
    if not isinstance(resource, dict) or str(resource.get("type")).lower() != DEPLOYMENTS:
        return None, False
    properties = resource.get("properties")
    inner = properties.get("template") if isinstance(properties, dict) else None
    return (inner, has_inner_scope(properties or {})) if isinstance(inner, dict) else (None, False)


def has_inner_scope(properties: Json) -> bool:
    """Whether the expressions of a nested template are evaluated with its own parameters and variables."""
    options = next((value for key, value in properties.items() if key.lower() == "expressionevaluationoptions"), None)
    return isinstance(options, dict) and str(options.get("scope")).lower() == "inner"


def _check_language(document: Json) -> None:
    """Raises TemplateError for a scope or language that is not this one."""
    schema = str(document.get("$schema", "")).lower()
    if other := next(
        (other_scope for other_scope in OTHER_SCOPES if f"/{other_scope}deploymenttemplate.json" in schema), ""
    ):
        raise TemplateError(f"the template is for a {other}: only templates for a resource group can be deployed")
    language = str(document.get("languageVersion", "1.0"))
    if language not in LANGUAGES:
        raise TemplateError(f"the template's languageVersion '{language[:40]}' is not supported")
    resources = _given(document, "resources", [])
    if not isinstance(resources, list) and not (isinstance(resources, dict) and language != "1.0"):
        raise TemplateError("'resources' of the template must be a list, or with languageVersion 2.0 an object")
    for name in ("imports", "extensions"):
        if document.get(name):
            raise TemplateError(f"'{name}' of the template is not supported")
