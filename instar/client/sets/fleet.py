"""Limits and rings as a person asks for them."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from instar.client.api_client import ApiClient
from instar.errors import Nonsense

Json = dict[str, Any]

LIMITS = "/instar/limits"
RINGS = "/instar/rings"


def put(api: ApiClient, kind: str, name: str, wish: Json) -> tuple[Json, bool]:
    """Make or replace one; as it is then, and whether it is new. Raises Trouble with the API's reason."""
    answer = api.send("PUT", path_of(kind, name), wish)
    body: Json = answer.json()
    return body, answer.status_code == 201  # noqa: PLR2004  # HTTP's own number


def shown(api: ApiClient, kind: str, name: str) -> Json:
    """One of them. Raises Trouble."""
    found: Json = api.get(path_of(kind, name))
    return found


def removed(api: ApiClient, kind: str, name: str) -> bool:
    """Remove one; whether there was one. Raises Trouble."""
    return api.send("DELETE", path_of(kind, name)).status_code == 200  # noqa: PLR2004  # HTTP's own number


def path_of(kind: str, name: str) -> str:
    """Where it is."""
    return f"{kind}/{quote(name, safe='')}"


def rings_in(text: str, where: str) -> Json:
    """The rings in a file: bare, in a document, or as `show --output json` printed them. Raises Nonsense.

    >>> rings_in('[{"sets": []}]', "f") == rings_in('{"properties": {"rings": [{"sets": []}], "versions": []}}', "f")
    True
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Nonsense(f"{where} is no JSON: {error}; see `instar rings set --help` for an example") from None
    if isinstance(document, list):
        return {"rings": document}
    if isinstance(document, dict) and isinstance(document.get("properties"), dict):
        return {"rings": document["properties"].get("rings")}
    if not isinstance(document, dict):
        raise Nonsense('rings are a JSON list, like [{"sets": ["/subscriptions/…"], "bake": "P1D"}]')
    return document


def read(file: str, standard_input: str) -> str:
    """The text of a file. Raises Nonsense."""
    try:
        return standard_input if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise Nonsense(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Nonsense(f"{file} is no UTF-8 text") from None
