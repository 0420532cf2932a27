"""Chromium, as far as pictures need it: one window of one size, and a look at what must not be in a picture."""

import getpass
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

SIZE: ViewportSize = {"width": 1280, "height": 800}
PATIENCE_MS = 60_000
MOST_BYTES = 150_000

CHROMIUM, PNGQUANT = shutil.which("chromium"), shutil.which("pngquant")

OURS_ALONE = re.compile(r"/(?:home|root|tmp|work|var|usr|Users)/\S+")
"""Paths of the machine on which the pictures are taken."""


@contextmanager
def window(*, dark: bool = False, height: int = SIZE["height"]) -> Iterator[Page]:
    """A new browser, which has seen nothing yet. Raises RuntimeError where what it needs is not installed."""
    if CHROMIUM is None or PNGQUANT is None:
        raise RuntimeError("Chromium or pngquant is missing: deploy/browser-packages.sh installs Debian's")
    # Its sandbox does not start as root.
    flags = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        context = browser.new_context(
            viewport=ViewportSize(width=SIZE["width"], height=height),
            color_scheme="dark" if dark else "light",
            timezone_id="UTC",
            locale="en-GB",
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        try:
            yield page
        finally:
            browser.close()


def taken(page: Page, path: Path) -> None:
    """A picture of what is in the window. Raises AssertionError where it tells of this machine, or is too large."""
    text = "\n".join(str(frame.evaluate("document.body ? document.body.innerText : ''")) for frame in page.frames)
    told = {word for word in (socket.gethostname(), getpass.getuser() + "@") if word in text} | set(
        OURS_ALONE.findall(text)
    )
    assert not told, f"{path.name} would show {sorted(told)}"
    page.screenshot(path=path, animations="disabled")
    smaller = [PNGQUANT or "pngquant", "--force", "--strip", "--speed", "1", "--ext", ".png", str(path)]
    subprocess.run(smaller, check=True, timeout=60)  # noqa: S603  # Debian's own program
    assert path.stat().st_size <= MOST_BYTES, f"{path.name} has {path.stat().st_size} bytes"
