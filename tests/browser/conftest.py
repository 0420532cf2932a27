"""Tests here open windows of Chromium. Where it is not installed they are skipped."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from instar.client.api_client import ApiClient
from tests.browser.live import DELAYS, Live
from tests.browser.windows import CHROMIUM, PATIENCE_MS, Window, chromium
from tests.processes.site import Site

HERE = Path(__file__).parent

Opens = Callable[..., Awaitable[Window]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.processes)
            item.add_marker(pytest.mark.browser)
            item.add_marker(
                pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: deploy/browser-packages.sh installs Debian's")
            )


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    async with chromium() as one:
        yield one


@pytest.fixture(scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with Site(tmp_path_factory.mktemp("page") / "site", DELAYS) as site:
        with ApiClient(site.login) as api:
            yield Live(site, api)
    assert site.fallen == []


@pytest.fixture
async def opens(browser: Browser, live: Live) -> AsyncIterator[Opens]:
    """Opens a window of the owner's, logged in by a link; at its end nothing may have been complained of in any."""
    windows: list[Window] = []

    async def one(path: str = "/", *, logged_in: bool = True, **look: Any) -> Window:
        link = await live.link()
        window = await Window.opened(browser, link.partition("/page/")[0], **look)
        windows.append(window)
        if logged_in:
            await window.page.goto(link)
            await window.page.wait_for_url(f"{window.origin}/")
        if path != "/" or not logged_in:
            await window.page.goto(path)
        return window

    async with AsyncExitStack() as ends:
        yield one
        for window in windows:
            ends.push_async_callback(window.context.close)
    assert [trouble for window in windows for trouble in window.troubles] == []
