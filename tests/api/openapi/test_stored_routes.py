"""The OpenAPI document of stored resources, made from their kinds, stays as it was recorded."""

import json
from pathlib import Path
from typing import Any

from api.resources.kinds import STORED
from api.stored.named import path_of
from tests.api.conftest import Api

RECORDED = json.loads(Path(__file__).with_name("stored_routes.json").read_text())
"""A new kind adds to this file, and a change of what is said or answered changes it."""

NOT_STORED = ("/instar/", "/locations/")
"""In paths of the same providers that are no resources."""


def facts(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return {
        **{name: operation[name] for name in ("operationId", "summary", "description", "tags")},
        "parameters": sorted(f"{one['in']} {one['name']}" for one in operation["parameters"]),
        "example": content.get("example"),
        "answers": {status: answer(one) for status, one in operation["responses"].items()},
    }


def answer(response: dict[str, Any]) -> Any:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return response.get("$ref") or [schema.get("$ref"), sorted(response.get("headers", {}))]


async def test_the_document_of_stored_resources_is_as_it_was(api: Api) -> None:
    paths = api.app.openapi()["paths"]
    ours = [
        path
        for path in paths
        if any(_collection(path_of(one)) in path for one in STORED) and not any(word in path for word in NOT_STORED)
    ]
    found = {f"{method} {path}": facts(operation) for path in ours for method, operation in paths[path].items()}
    assert found == RECORDED


def _collection(path: str) -> str:
    return path.partition("/providers/")[2].rpartition("/")[0].partition("{kind}")[0]
