"""Opening a link that logs in, in a browser, with no one on the machine to read it on the way."""

import html
import webbrowser
from pathlib import Path

from instar.errors import Trouble
from instar.private_files import draft_beside

FILE = "page-link.html"
"""In a data directory: other users see the arguments of a browser's process, so it is given this file and no link."""

LEADS_ON = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Instar</title><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url={url}"></head><body><a href="{url}">Go on to Instar</a></body></html>
"""


def opened_in_browser(url: str, data_dir: Path) -> bool:
    """Whether a browser was started. Raises Trouble where the file cannot be written."""
    path = data_dir.expanduser().absolute() / FILE
    try:
        draft_beside(path, LEADS_ON.format(url=html.escape(url)).encode()).replace(path)
    except OSError as error:
        raise Trouble(
            f"{path} cannot be written ({error.strerror or error}): open the link yourself, or name a directory of "
            "yours with --data-dir"
        ) from None
    try:
        return webbrowser.open(path.as_uri())
    except webbrowser.Error:
        return False
