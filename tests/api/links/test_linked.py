"""What links say, and what one deployment may fetch."""

from typing import Any

import pytest

from api.links import linked
from api.links.errors import LinkError
from api.links.linked import Link, Links, link_of

BASE = Link("https://a.example/x/main.json", "?sig=1")


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({"uri": "https://b.example/y.json"}, "https://b.example/y.json"),
        ({"Uri": "https://b.example/y.json?a=1", "queryString": "?b=2"}, "https://b.example/y.json?a=1&b=2"),
        ({"relativePath": "nested/y.json"}, "https://a.example/x/nested/y.json?sig=1"),
        ({"relativePath": "../y.json"}, "https://a.example/y.json?sig=1"),
        ({"relativePath": "y.json", "queryString": "sig=2"}, "https://a.example/x/y.json?sig=2"),
    ],
)
def test_a_link_says_where_something_is(given: dict[str, Any], address: str) -> None:
    assert link_of(given, BASE).address == address


@pytest.mark.parametrize(
    ("given", "base", "said"),
    [
        ("https://b.example", BASE, "must be an object"),
        ({}, BASE, "neither"),
        ({"uri": 3}, BASE, "'uri' must be a string"),
        ({"relativePath": ["y"]}, BASE, "'relativePath' must be a string"),
        ({"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/templateSpecs/t"}, BASE, "specs"),
        ({"relativePath": "y.json"}, Link(), "not deployed by a link"),
        ({"relativePath": "//b.example/y.json"}, BASE, "must be a path"),
        ({"relativePath": "https://b.example/y.json"}, BASE, "must be a path"),
        ({"relativePath": "/y.json"}, BASE, "must be a path"),
    ],
)
def test_what_is_no_link_is_told(given: Any, base: Link, said: str) -> None:
    with pytest.raises(LinkError, match=said):
        link_of(given, base)


def test_each_document_is_fetched_once_and_kept() -> None:
    seen: list[str] = []

    def fetch(address: str, *_: Any) -> bytes:
        seen.append(address)
        return b"{}"

    links = Links(fetch, {"https://a.example/had": {"contentVersion": "1"}})
    for _ in range(2):
        links.document(Link("https://a.example/new"))
    links.document(Link("https://a.example/had"), "1")
    assert seen == ["https://a.example/new"]
    assert links.used == {"https://a.example/new": {}, "https://a.example/had": {"contentVersion": "1"}}


def test_f5_what_is_wrong_is_told_without_the_query_string() -> None:
    links = Links(lambda *_: b"[]")
    with pytest.raises(LinkError, match=r"'https://a.example/x' cannot be used: it is no JSON object") as told:
        links.document(Link("https://a.example/x", "?sig=hunter2"))
    assert "hunter2" not in str(told.value)
    with pytest.raises(LinkError, match="contentVersion"):
        Links(lambda *_: b"{}").document(Link("https://a.example/x"), "1.0.0.0")


def test_one_deployment_fetches_so_much_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def fetch(_address: str, at_most: int, _seconds: float) -> bytes:
        sizes.append(at_most)
        return b'{"a": "' + b"x" * (at_most - 9) + b'"}'

    links = Links(fetch)
    for number in range(2):
        links.document(Link(f"https://a.example/{number}"))
    with pytest.raises(LinkError, match="one deployment fetches up to 100 documents, 2097152 bytes"):
        links.document(Link("https://a.example/3"))
    assert sizes == [linked.BYTES_AT_MOST] * 2
    many = Links(lambda *_: b"{}")
    for number in range(100):
        many.document(Link(f"https://a.example/{number}"))
    with pytest.raises(LinkError, match="100 documents"):
        many.document(Link("https://a.example/one-more"))
    moments = iter(range(0, 1000, 20))
    monkeypatch.setattr("api.links.linked.time.monotonic", lambda: next(moments))
    slow = Links(lambda *_: b"{}")
    for number in range(2):
        slow.document(Link(f"https://a.example/{number}"))
    with pytest.raises(LinkError, match="30 seconds"):
        slow.document(Link("https://a.example/3"))
