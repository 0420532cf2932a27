"""Where a login leads to: a place of the page that is asked for before it, and nowhere else."""

from urllib.parse import urlsplit

AT_MOST = 2_000
"""Characters."""

HOME = "/"
_NO_PLACES = ("/page/login", "/page/logout", "/page/once", "/page/links", "/page/static/")


def place_of(wanted: str) -> str:
    r"""A path of the page, with its query; whatever else somebody put into a link is the home of the page.

    >>> place_of("/page/sets/subscriptions/s?full=1")
    '/page/sets/subscriptions/s?full=1'
    >>> {place_of(one) for one in ("//evil.example", "https://evil.example/page/", "/\\evil.example", "/docs", "x")}
    {'/'}
    """
    # Browsers take a backslash for a slash, and drop tabs and ends of lines before they look at a URL.
    if len(wanted) > AT_MOST or not wanted.isascii() or not wanted.isprintable() or "\\" in wanted or " " in wanted:
        return HOME
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or wanted.startswith("//"):
        return HOME
    if parts.path != HOME and not parts.path.startswith("/page/"):
        return HOME
    if parts.path.startswith(_NO_PLACES):
        return HOME
    return parts.path + (f"?{parts.query}" if parts.query else "")
