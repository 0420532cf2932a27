"""URIs and data URIs."""

import base64
import re
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

_DATA = re.compile(r"data:(?P<kind>[^,;]*)(?P<parameters>(?:;[^,;]*)*),(?P<data>.*)", re.DOTALL | re.IGNORECASE)


def joined_uri(base: str, relative: str) -> str:
    """A URI of two: what follows the last slash of the first one gives way to the second.

    >>> joined_uri("http://contoso.org/first/", "/a.sh"), joined_uri("http://contoso.org/first/b.json", "a.sh")
    ('http://contoso.org/first/a.sh', 'http://contoso.org/first/a.sh')
    >>> joined_uri("http://contoso.org", "a.sh")
    'http://contoso.org/a.sh'
    """
    before, mark, path = base.partition("://")
    folder = path.rpartition("/")[0] if "/" in path else path
    return f"{before}{mark}{folder}/{relative.removeprefix('/')}"


def escaped(text: str) -> str:
    """Escaped for a URI."""
    return quote(text, safe="")


def data_uri(text: str) -> str:
    """A text as a URI of its own."""
    return f"data:text/plain;charset=utf8;base64,{base64.b64encode(text.encode()).decode()}"


def text_of_data_uri(uri: str) -> str:
    """The text that such a URI is. Raises ValueError.

    >>> text_of_data_uri("data:;base64,SGVsbG8="), text_of_data_uri("data:,a%20b")
    ('Hello', 'a b')
    """
    match = _DATA.fullmatch(uri)
    if match is None:
        raise ValueError("it is no data URI")
    data = unquote_to_bytes(match["data"])
    is_base64 = match["parameters"].lower().endswith(";base64")
    return (base64.b64decode(data, validate=True) if is_base64 else data).decode()


def parsed_uri(text: str) -> dict[str, Any]:
    """What a URI consists of.

    >>> parsed_uri("https://contoso.org:8080/a?b=c")
    {'scheme': 'https', 'host': 'contoso.org', 'port': 8080, 'path': '/a', 'query': '?b=c'}
    """
    parts = urlsplit(text)
    if not parts.scheme or not parts.hostname:
        raise ValueError("it is no absolute URI")
    port = {} if parts.port is None else {"port": parts.port}
    return {
        "scheme": parts.scheme,
        "host": parts.hostname,
        **port,
        "path": parts.path or "/",
        "query": f"?{parts.query}" if parts.query else "",
    }


def built_uri(parts: dict[str, Any]) -> str:
    """The URI of such parts; `scheme` and `host` must be there.

    >>> built_uri({"scheme": "https", "host": "contoso.org", "path": "a", "query": "b=c"})
    'https://contoso.org/a?b=c'
    """
    port = f":{parts['port']}" if parts.get("port") is not None else ""
    path, query = str(parts.get("path") or "").removeprefix("/"), str(parts.get("query") or "").removeprefix("?")
    return f"{parts['scheme']}://{parts['host']}{port}/{path}" + (f"?{query}" if query else "")
