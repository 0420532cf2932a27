"""Which URLs are the index's own, and which only by name."""

import httpx
import pytest

from instar.client.origins import Origins, Refused

ROOT = "https://mirror.invalid/releases"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("streams/v1/index.sjson", "https://mirror.invalid/releases/streams/v1/index.sjson"),
        ("/elsewhere", "https://mirror.invalid/elsewhere"),
        ("https://mirror.invalid:443/x", "https://mirror.invalid/x"),
        ("https://MIRROR.invalid/x", "https://mirror.invalid/x"),
        ("https://cdn.invalid:8443/x", "https://cdn.invalid:8443/x"),
        ("https:///x", "https://mirror.invalid/x"),
        ("http://plain.invalid/x", "http://plain.invalid/x"),
        ("https://plain.invalid/x", "https://plain.invalid/x"),
    ],
)
def test_ones_own_server_and_those_that_are_named(path: str, url: str) -> None:
    assert str(Origins.of(ROOT, ["cdn.invalid"], ["plain.invalid"]).joined(path)) == url


@pytest.mark.parametrize(
    "path",
    [
        "https://mirror.invalid:8443/x",
        "http://mirror.invalid/x",
        "http://cdn.invalid/x",
        "https://sub.mirror.invalid/x",
        "https://mirror.invalid.elsewhere/x",
        "https://mirror.invalid@elsewhere/x",
        "https://me:secret@mirror.invalid/x",
        "https://cdn.invalid:0/x",
        "https://cdn.invalid:65536/x",
        "https://cdn.invalid:port/x",
        "//elsewhere/x",
        "file:///etc/passwd",
        "javascript:1",
        "https://127.0.0.1/x",
        "http://[::1]/x",
    ],
)
def test_every_other_url_is_refused(path: str) -> None:
    with pytest.raises(Refused):
        Origins.of(ROOT, ["cdn.invalid"], ["plain.invalid"]).joined(path)


def test_an_index_without_tls_leads_to_its_own_server_only() -> None:
    origins = Origins.of("http://plain.invalid/", plain=["plain.invalid"])
    assert origins.joined("x") == httpx.URL("http://plain.invalid/x")
    with pytest.raises(Refused, match="another server"):
        origins.joined("https://mirror.invalid/x")
    with pytest.raises(Refused, match="is without TLS"):
        Origins.of("http://127.0.0.1/", hosts=["127.0.0.1"])
