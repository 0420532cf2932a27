"""The document at /openapi.json is valid, and says of every route what it answers."""

import re
from typing import Any

import pytest
import schemathesis
from fastapi.routing import iter_route_contexts

from api.login.issuer_routes import OPEN_PATHS
from api.openapi.peculiar import OF_PATH, PECULIAR
from api.openapi.titles import TITLE_AT_MOST
from tests.api.conftest import SCALE_SET, Api

PROBES = frozenset({"/healthz", "/readyz"})
GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{{scaleSetName}}"
GALLERIES = f"{GROUP}/providers/Microsoft.Compute/galleries"
OPERATION = "/subscriptions/{subscriptionId}/providers/Microsoft.Compute/locations/{location}/operations/{operationId}"


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.app.openapi()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    found = [(method, path, one) for path, methods in document["paths"].items() for method, one in methods.items()]
    assert len(found) > 80
    return found


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()


async def test_the_document_is_there_for_all_and_is_the_finished_one(api: Api, document: dict[str, Any]) -> None:
    answer = await api.http.get("/openapi.json", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.json() == document
    docs = await api.http.get("/docs")
    assert "/openapi.json" in docs.text
    assert "://" not in docs.text.replace("http://www.w3.org", ""), "the docs need nothing of the internet"


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("put", SET, "200 201 400 401 403 404 409 412 413 503"),
        ("patch", SET, "200 400 401 403 404 409 412 413 503"),
        ("get", SET, "200 400 401 403 404 503"),
        ("delete", SET, "202 204 400 401 403 404 409 412 503"),
        ("post", f"{SET}/osRollingUpgrade", "202 400 401 403 404 409 503"),
        ("post", f"{SET}/manualupgrade", "202 400 401 403 404 409 413 503"),
        ("delete", f"{SET}/virtualMachines/{{instanceId}}", "202 400 401 403 404 409 412 503"),
        ("post", f"{SET}/reapply", "400 401 403 404 409 503"),
        ("put", f"{GALLERIES}/{{galleryName}}", "200 201 400 401 403 404 409 412 413 503"),
        ("get", OPERATION, "200 202 400 401 403 404 503"),
        ("get", "/instar/rolloutPolicy", "200 401 403 404 503"),
        ("delete", "/instar/rolloutPolicy", "200 204 400 401 403 412 503"),
        ("put", f"{SET}/instar/rolloutPolicy", "200 201 400 401 403 404 409 412 413 503"),
        ("post", f"{SET}/instar/rolloutPolicy/check", "200 400 401 403 404 413 503"),
        ("head", GROUP, "204 400 401 403 404 503"),
        ("get", "/subscriptions", "200 400 401 403 503"),
        ("get", "/healthz", "200"),
        ("get", "/readyz", "200 503"),
    ],
)
def test_a_route_is_described_with_what_it_answers(
    document: dict[str, Any], method: str, path: str, statuses: str
) -> None:
    assert " ".join(sorted(document["paths"][path][method]["responses"])) == statuses


def test_what_is_never_answered_is_not_described(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        assert not {"422", "405", "500", "default"} & set(operation["responses"]), (method, path)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_route_but_the_open_ones_needs_a_token_and_says_what_is_answered_without(
    document: dict[str, Any],
) -> None:
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for method, path, operation in operations(document):
        closed = path not in OPEN_PATHS | PROBES
        assert operation.get("security", []) == ([{"bearer": []}] if closed else []), (method, path)
        assert {"401", "403"} <= set(operation["responses"]) or not closed, (method, path)


def test_every_error_has_arms_body_and_every_wait_its_header(document: dict[str, Any]) -> None:
    errors = document["components"]["responses"]
    for error in errors.values():
        assert error["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
    assert errors["Error401"]["headers"]["WWW-Authenticate"]["required"]
    assert errors["Error503"]["headers"]["Retry-After"]["required"]
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400" and method != "head" and path not in OF_PATH:
                assert answer == {"$ref": f"#/components/responses/Error{status}"}, (method, path)
            if status == "202" and path != OPERATION:
                assert {"Azure-AsyncOperation", "Location", "Retry-After"} <= set(answer["headers"]), (method, path)


def test_every_parameter_of_a_path_and_the_version_are_described(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        described = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert {f"{{{name}}}" for name in described} == {part for part in path.split("/") if part.startswith("{")}
        if path.startswith("/subscriptions"):
            [version] = [one for one in operation["parameters"] if one["name"] == "api-version"]
            assert version["required"], (method, path)


def test_a_body_is_required_where_an_empty_one_is_refused(document: dict[str, Any]) -> None:
    assert document["paths"][SET]["put"]["requestBody"]["required"]
    assert document["paths"][f"{SET}/manualupgrade"]["post"]["requestBody"]["required"]
    assert not document["paths"][f"{SET}/reimage"]["post"]["requestBody"]["required"]


def test_nothing_peculiar_is_said_of_routes_that_are_not_there(api: Api) -> None:
    routes = list(iter_route_contexts(api.app.routes))
    assert set(PECULIAR) <= {route.endpoint for route in routes}
    assert set(OF_PATH) <= {route.path_format for route in routes}


async def test_a_405_names_every_method_that_a_path_has(api: Api) -> None:
    answer = await api.call("POST", SCALE_SET.upper())
    assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE, GET, HEAD, PATCH, PUT")
    answer = await api.call("GET", f"{SCALE_SET}/osRollingUpgrade")
    assert answer.headers["Allow"] == "POST"


def test_operations_have_titles_that_people_wrote(api: Api, document: dict[str, Any]) -> None:
    of_functions = {(route.name or "").replace("_", " ").title() for route in iter_route_contexts(api.app.routes)}
    titles = {(method, path): one["summary"] for method, path, one in operations(document)}
    assert set(titles.values()) & of_functions == set()
    assert [title for title in titles.values() if not 5 <= len(title) <= TITLE_AT_MOST] == []
    vague = re.compile(r"(One of|Those|The same|404|None)\b|.*\b(likewise|one of them)\b|.*\([A-Z]\d")
    assert [title for title in titles.values() if vague.match(title)] == []
    assert titles["post", f"{SET}/rollingUpgrades/cancel"] == "Cancel the upgrade that runs"
    assert titles["put", SET] == "Create a scale set (201), or change one (200)"


async def test_the_root_is_the_page_which_leads_to_its_login(api: Api, document: dict[str, Any]) -> None:
    for path in ("/", "//"):
        for method in ("GET", "HEAD"):
            answer = await api.http.request(method, path, headers={"Authorization": ""})
            assert (answer.status_code, answer.headers["location"]) == (303, "/page/login")
    assert "/" not in document["paths"]
