"""What `make demo` does, watched on the page from start to end, without one reload."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect
from rich.console import Console

from instar.demo.demo import SCALE_SET, Play
from instar.demo.demo_checks import BAD, CAPACITY, SECOND, SHARE, SICK
from instar.demo.demo_fleet import DemoFleet
from instar.domain.records.upgrades import UpgradeStatus
from instar.stack.processes import ProcessGroup
from tests.browser.conftest import Opens
from tests.browser.live import Live
from tests.browser.watching import drawn, keep, kept
from tests.browser.windows import Window

PAGE = f"/page/sets{SCALE_SET}"
PATIENCE_SECONDS = 120.0
LONG_MS = 120_000
"""Given to a whole upgrade."""


@pytest.fixture(scope="module")
def play(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    folder = tmp_path_factory.mktemp("demo")
    with ProcessGroup(folder / "logs", print) as group, (folder / "told").open("w") as told:
        yield Play(DemoFleet(live.api, group, Console(file=told), SCALE_SET, PATIENCE_SECONDS))


async def test_the_demo_is_watched_from_its_first_set_to_a_rollback(live: Live, opens: Opens, play: Play) -> None:
    """In one window the list of sets, in another the set; both were loaded once."""
    listed = await opens()
    await listed.mark()
    await expect(listed.page.locator("#live")).to_have_text("live")
    await asyncio.to_thread(play.prepare)
    await expect(row(listed)).to_contain_text(f"{CAPACITY} of {CAPACITY} healthy")

    window = await opens(PAGE)
    await window.mark()
    await keep(window.page)
    await expect(window.page.locator("#state")).to_have_text("idle")
    await first_upgrade(play, window, listed)
    await a_breach(play, window, listed)
    await a_rollback(live, window)
    assert await window.is_same_document()
    assert await listed.is_same_document()


async def first_upgrade(play: Play, window: Window, listed: Window) -> None:
    """It begins by itself, goes on batch by batch, and gives the one that does not get healthy its old disk back."""
    head, page = window.page.locator("#head"), window.page
    async with asyncio.TaskGroup() as group:
        running = group.create_task(asyncio.to_thread(play.first))
        await expect(head).to_have_attribute("data-state", "upgrading")
        await expect(page.locator("#upgrade-line")).to_contain_text(SECOND.version)
        await expect(row(listed)).to_have_attribute("data-state", "upgrading")
        # Machine 9 keeps the third batch waiting: long enough for every page.
        third = page.locator("[data-batch='3']")
        await expect(third).to_contain_text("in work")
        await expect(page.locator("#tally [data-doing=onTarget]")).to_be_visible()
        await expect(page.locator("#limits")).to_contain_text(f"of {CAPACITY}")
        await expect(third).not_to_contain_text("in work")
    assert running.result().status is UpgradeStatus.COMPLETED
    await expect(head).to_have_attribute("data-status", "Completed", timeout=LONG_MS)
    await expect(head).to_have_attribute("data-state", "idle")
    await expect(page.locator("#tally [data-doing=rolledBack]")).to_have_attribute("data-count", "1")
    await expect(page.locator("#tally [data-doing=onTarget]")).to_have_attribute("data-count", str(CAPACITY - 1))
    await expect(head).to_have_attribute("data-red", "no")
    await expect(page.locator("#cells")).to_have_attribute("data-drawn", str(CAPACITY))
    assert await drawn(page) == {"onTarget": CAPACITY - 1, "rolledBack": 1}
    await expect(page.locator("#reasons")).to_contain_text(SICK)

    seen = [one for one in await kept(page) if one.upgrade == 1]
    done = [one.tally.get("onTarget", 0) for one in seen]
    assert done == sorted(done), "what is done stays done"
    assert {0 < count < CAPACITY - 1 for count in done} == {True, False}, "it was seen on the way"
    assert all(sum(one.tally.values()) == CAPACITY for one in seen), "everybody is somewhere at each moment"
    out = [one.tally.get("swapping", 0) + one.tally.get("healthWait", 0) for one in seen]
    assert 0 < max(out) <= SHARE


async def a_breach(play: Play, window: Window, listed: Window) -> None:
    """The reason why it stopped stands above everything else, and in the list."""
    head = window.page.locator("#head")
    view = await asyncio.to_thread(play.bad)
    assert view.status is UpgradeStatus.FAULTED
    await expect(head).to_have_attribute("data-status", "Faulted")
    await expect(head).to_have_attribute("data-red", "yes")
    [why] = [one for one in await head.locator(".why").all_text_contents() if "is Faulted" in one]
    assert str(SHARE) in why
    await expect(head.locator(".red-mark")).to_have_text("! needs a person")
    await expect(head).to_contain_text(f"quarantined: {BAD.version}")
    await expect(window.page.locator("#facts")).to_contain_text(BAD.version)
    await expect(row(listed)).to_have_attribute("data-red", "yes")
    await expect(row(listed)).to_contain_text("upgrade 2 is Faulted")
    await expect(listed.page.locator("#summary")).to_contain_text("1 needs a person")
    # Its first batch has its old disks back, and nobody else was touched.
    await expect(window.page.locator("#tally [data-doing=rolledBack]")).to_have_attribute("data-count", str(SHARE))
    assert {one.state for one in await kept(window.page)} == {"idle", "upgrading"}


async def a_rollback(live: Live, window: Window) -> None:
    """By the form, in a window of its own; this one only looks on."""
    form: Page = await window.context.new_page()
    await form.goto(PAGE)
    await form.locator("#act-rollback").click()
    await form.locator("#field-reason").fill("the newest image is slow")
    await form.locator("#show-plan").click()
    await expect(form.locator("#plan-batches")).to_be_visible()
    await form.locator("#confirm").click()
    await expect(form.locator("#done-title")).to_have_text("The rollback was accepted.")

    head = window.page.locator("#head")
    await expect(head).to_have_attribute("data-upgrade", "3")
    await expect(head).to_contain_text("because: the newest image is slow")
    await expect(head).to_have_attribute("data-status", "Completed", timeout=LONG_MS)
    await expect(window.page.locator("#upgrade-line")).to_contain_text("rollback 3")
    # The form's page has followed it to its end too.
    await expect(form.locator("#operation")).to_have_attribute("data-status", "Succeeded")
    told = await live.ask("GET", f"{SCALE_SET}/instar/upgrades/3")
    assert told["properties"]["wishes"]["reason"] == "the newest image is slow"


def row(window: Window) -> Locator:
    """Of the set, in the list."""
    return window.page.locator(f"#rows > [data-set='{SCALE_SET}']")
