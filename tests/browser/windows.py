"""Windows of a browser, each of which is watched: what a browser complains of fails the test that had it open."""

import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    ViewportSize,
    async_playwright,
)

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 60_000
"""Given to whatever is waited for: a machine may be slow."""

WIDE, NARROW = ViewportSize(width=1400, height=900), ViewportSize(width=320, height=720)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SERVER_ERRORS_FROM = 500
SHOWN_SLOWLY_MS = 150

STEPS_AT_MOST = 150
"""Of the key Tab: more than a page has places to go to."""

FOCUS = """(selector) => {
  const one = document.activeElement, style = getComputedStyle(one);
  return {
    there: one.matches(selector),
    which: one.outerHTML.slice(0, 200),
    visible: one === document.body || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2),
  };
}"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser, without a screen unless HEADED is set. Raises RuntimeError where Chromium is not installed."""
    if CHROMIUM is None:
        raise RuntimeError("Chromium is not installed: deploy/browser-packages.sh installs Debian's")
    headed = bool(os.environ.get("HEADED"))
    # Its sandbox does not start as root.
    flags = ["--no-sandbox"] if os.getuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=flags, headless=not headed, slow_mo=SHOWN_SLOWLY_MS if headed else 0
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Window:
    """One visitor's window: nobody else's cookies, one page, and what must not have happened in it."""

    context: BrowserContext
    page: Page
    origin: str
    troubles: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Methods and paths of all requests, in their order; without queries."""
    _known: list[re.Pattern[str]] = field(default_factory=list)

    @classmethod
    async def opened(cls, browser: Browser, origin: str, *, size: ViewportSize = WIDE) -> Self:
        """Of an Instar at that address; nothing is loaded yet."""
        context = await browser.new_context(base_url=origin, viewport=size, locale="en-GB")
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        one = cls(context, page, origin)
        context.on("console", one._said)
        context.on("weberror", lambda error: one._trouble(f"a script failed: {error.error}"))
        context.on("request", one._asks)
        context.on("response", one._answered)
        context.on("dialog", lambda dialog: one._trouble(f"a script asks: {dialog.message}"))
        return one

    def _trouble(self, what: str) -> None:
        if not any(one.search(what) for one in self._known):
            self.troubles.append(what)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._trouble(f"the console says: {message.text} ({message.location.get('url', '')})")

    def _asks(self, request: Request) -> None:
        url = urlsplit(request.url)
        self.asked.append(f"{request.method} {url.path}")
        if f"{url.scheme}://{url.netloc}" != self.origin and url.scheme != "data":
            self._trouble(f"it asks somebody else: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= SERVER_ERRORS_FROM:
            self._trouble(f"{response.status} of {response.url}")

    @contextmanager
    def expecting(self, *patterns: str) -> Iterator[None]:
        """What a test brings about itself, such as a connection that is lost, is no trouble."""
        known = [re.compile(one) for one in patterns]
        self._known += known
        try:
            yield
        finally:
            for one in known:
                self._known.remove(one)

    async def coloured(self, scheme: Literal["light", "dark"]) -> None:
        """As the visitor's system wishes, without a reload."""
        await self.page.emulate_media(color_scheme=scheme)

    async def wider_than_it_may(self) -> list[str]:
        """What stands out of the window to the right, so that one has to scroll sideways."""
        found: list[str] = await self.page.evaluate(
            """() => document.documentElement.scrollWidth <= innerWidth ? [] : [
                 `${document.documentElement.scrollWidth} of ${innerWidth}`,
                 ...[...document.querySelectorAll("body *")]
                   .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
                   .map((one) => `${one.tagName} ${one.id} ${one.className.baseVal ?? one.className}`)]"""
        )
        return found

    async def inaccessible(self) -> list[str]:
        """What axe finds against WCAG 2, A and AA."""
        results = await Axe().run(self.page, options={"runOnly": WCAG, "resultTypes": ["violations"]})
        return [
            f"{one['id']}: {node['html']}: {node['failureSummary']}"
            for one in results.response["violations"]
            for node in one["nodes"]
        ]

    async def is_same_document(self) -> bool:
        """Whether nothing was loaded since `marked`."""
        return bool(await self.page.evaluate("window.marked === true"))

    async def mark(self) -> None:
        """Know this document again."""
        await self.page.evaluate("window.marked = true")

    async def tab_to(self, selector: str) -> None:
        """By Tab alone. Raises AssertionError where it is not reached, or a focus on the way is not to be seen."""
        for _ in range(STEPS_AT_MOST):
            await self.page.keyboard.press("Tab")
            told: dict[str, Any] = await self.page.evaluate(FOCUS, selector)
            assert told["visible"], f"nothing shows that the focus is on {told['which']}"
            if told["there"]:
                return
        raise AssertionError(f"Tab does not lead to {selector} of {self.page.url}")

    async def go_by_key(self, selector: str) -> None:
        """Tab to it, and press Enter, which leads to another document."""
        await self.tab_to(selector)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")
