"""What visitors meet: the login, keys instead of a mouse, texts of others, and a connection that is lost."""

import json
import signal

import pytest
from playwright.async_api import ViewportSize, expect

from instar.client.api_token import FILE
from instar.compute.clock import utc_now
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.steering.wishes import Pause
from tests.browser.conftest import Opens
from tests.browser.live import Live
from tests.browser.watching import drawn
from tests.browser.windows import NARROW, WIDE, Window
from tests.processes.scale_set import LiveSet
from tests.processes.site import API

HOSTILE = (
    """<img src=x onerror="window.struck=1"> "q" 'a' &amp; {{ 7*7 }} </script><script>window.struck=1</script> \u05d0"""
)
"""What a reason may hold."""

LOST = (r"net::ERR_", r"htmx:sendError", r"htmx:afterRequest", r"says: \[object Event\]")
"""What browsers and htmx say of a connection that is lost."""


@pytest.fixture(scope="module")
async def parked(live: Live) -> str:
    """The id of a set in the middle of an upgrade, with machines in several states, paused for a hostile reason."""
    await live.newer()
    path = await live.has_set(
        "parked", 8, maxBatchInstancePercent=25, maxUnhealthyInstancePercent=50, maxUnhealthyUpgradedInstancePercent=100
    )
    await live.newer(VersionScript(never_healthy=("1",)))
    await live.ask("POST", f"{path}/osRollingUpgrade")
    await live.until(path, lambda told: told.get("upgrade", {}).get("batch", 0) >= 1, "a batch has begun")
    await live.ask("POST", f"{path}/instar/pause", {"reason": HOSTILE})
    await live.until(path, lambda told: told["state"] == "parked", "the upgrade is parked")
    return path


async def test_a_link_logs_in_once_and_the_form_does_with_a_secret(live: Live, opens: Opens) -> None:
    window = await opens("/page/login", logged_in=False)
    page, link = window.page, await live.link()
    await page.goto(link)
    await expect(page.locator("#visitor")).to_have_text("owner of the data directory")
    assert link.partition("#")[2] not in page.url
    await page.get_by_role("button", name="Log out").click()
    await expect(page).to_have_url(f"{window.origin}/page/login")
    with window.expecting("status of 40[13]"):
        await page.goto(link)
        await expect(page.get_by_role("alert")).to_contain_text("was used before")

        await page.goto("/page/steering")
        await expect(page).to_have_url(f"{window.origin}/page/login?then=%2Fpage%2Fsteering")
        login = json.loads((live.site.data / FILE).read_text())
        await page.get_by_label("Client id").fill(login["clientId"])
        await page.get_by_label("Client secret").fill("wrong")
        await page.locator("form", has=page.locator("#client_secret")).get_by_role("button").click()
        await expect(page.get_by_role("alert")).to_contain_text("not its secret")
    await page.get_by_label("Client id").fill(login["clientId"])
    await page.get_by_label("Client secret").fill(login["clientSecret"])
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{window.origin}/page/steering")
    cookies = await window.context.cookies()
    assert [(one["httpOnly"], one["sameSite"]) for one in cookies] == [(True, "Strict")]


async def test_start_with_its_plan_pause_and_resume_by_keyboard_alone(live: Live, opens: Opens) -> None:
    await live.newer()
    path = await live.has_set("keys", 4, pauseTimeBetweenBatches="PT2S")
    newer = await live.newer()
    window = await opens(f"/page/sets{path}")
    page = window.page
    await expect(page.locator("#act-start")).to_be_visible()
    await window.go_by_key("#act-start")
    await expect(page.locator("#ask-title")).to_be_focused()
    await window.go_by_key("#show-plan")
    await expect(page.locator("#plan-target")).to_contain_text(f"{newer.version}: 4 of 4 machines")
    await window.go_by_key("#confirm")
    await expect(page.locator("#done-title")).to_be_focused()
    await window.go_by_key("#go-on")

    await expect(page.locator("#head")).to_have_attribute("data-state", "upgrading")
    await window.go_by_key("#act-pause")
    await window.tab_to("#field-reason")
    await page.keyboard.type("a look at the first batch")
    await window.go_by_key("#confirm")
    await window.go_by_key("#go-on")
    await expect(page.locator("#head")).to_have_attribute("data-state", "parked")
    await expect(page.locator("#waits")).to_contain_text("a look at the first batch")

    await window.tab_to("#cells svg")
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#cell-told")).to_contain_text("machine ")
    await page.keyboard.press("Enter")
    await expect(page.locator("#machine article")).to_be_visible()
    await expect(page.locator("#machine")).to_be_focused()

    await page.locator("body").evaluate("() => document.activeElement.blur()")
    await window.go_by_key("#act-resume")
    await window.go_by_key("#confirm")
    await window.go_by_key("#go-on")
    await expect(page.locator("#head")).to_have_attribute("data-status", "Completed")
    await expect(page.locator("#tally [data-doing=onTarget]")).to_have_attribute("data-count", "4")


async def test_texts_of_others_are_texts(live: Live, opens: Opens, parked: str) -> None:
    """Of a pause, a hold, a start, a tag and an image, wherever they are shown: no script of theirs runs."""
    await live.ask("PUT", "/instar/holds/odd", {"scope": parked, "reason": HOSTILE})
    window = await opens(f"/page/sets{parked}")
    page = window.page
    await expect(page.locator("#waits")).to_contain_text(HOSTILE)
    places = [
        f"/page/sets{parked}",
        f"/page/sets{parked}/history",
        f"/page/sets{parked}/history/1",
        f"/page/steering{parked}",
        f"/page/steering{parked}/resume",
        "/page/steering",
        "/page/steering/release?name=odd",
        "/",
    ]
    for place in places:
        await page.goto(place)
        await expect(page.locator("#main")).to_contain_text(HOSTILE)
        assert await page.locator("#main img, main script").count() == 0, place
        assert await page.evaluate("window.struck") is None, place
    odd = "%3Cimg%20src%3Dx%20onerror%3D%22window.struck%3D1%22%3E"
    with window.expecting("status of 4(00|04|22)"):
        for place in (
            f"/?q={odd}",
            f"/page/sets{parked}{odd}",
            f"/page/steering/{odd}",
            f"/page/sets{parked}/machines/{odd}",
        ):
            await page.goto(place)
            assert await page.locator("img").count() == 0
            assert await page.evaluate("window.struck") is None
    await live.ask("DELETE", "/instar/holds/odd")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_everybody_can_use_each_page(live: Live, opens: Opens, parked: str, size: ViewportSize) -> None:
    """By axe, in light and dark, wide and 320 pixels narrow, where nothing has to be scrolled sideways."""
    window = await opens("/page/login", logged_in=False, size=size)
    page = window.page
    found = {"login": await looked_at(window)}
    await page.goto(await live.link())
    await expect(page.locator("#live")).to_have_text("live")
    steer, sets = f"/page/steering{parked}", f"/page/sets{parked}"
    with window.expecting("status of 404"):
        for place in (
            "/",
            sets,
            f"{sets}/cells",
            f"{sets}/machines/1",
            f"{sets}/history",
            f"{sets}/history/1",
            "/page/steering",
            steer,
            f"{steer}/cancel",
            f"{steer}/pause",
            f"{steer}/policy",
            f"{steer}/no-such-act",
            f"{sets}-gone",
        ):
            await page.goto(place)
            if place == sets:
                await expect(page.locator("#cells")).to_have_attribute("data-drawn", "8")
                await expect(page.locator("#act-resume")).to_be_visible()
            found[place] = await looked_at(window)
    assert {place: wrong for place, wrong in found.items() if wrong} == {}


async def looked_at(window: Window) -> list[str]:
    """What is wrong with what is shown."""
    wrong = [f"too wide: {one}" for one in await window.wider_than_it_may()]
    for scheme in ("light", "dark"):
        await window.coloured(scheme)
        wrong += [f"{scheme}: {one}" for one in await window.inaccessible()]
    return wrong


async def test_a_connection_on_which_nothing_is_heard_is_said_to_be_none(live: Live, opens: Opens, parked: str) -> None:
    """The API stands still and refuses nothing, as one behind a network that drops everything."""
    window = await opens()
    page, mark = window.page, window.page.locator("#live")
    await page.clock.install()
    await page.goto(f"/page/sets{parked}")
    await window.mark()
    await expect(mark).to_have_text("live")
    stored = live.site.store.scale_sets.find(parked)
    assert stored is not None
    with window.expecting(*LOST):
        live.site.signal(API, signal.SIGSTOP)
        try:
            await page.clock.fast_forward(60_000)
            await expect(mark).to_have_attribute("data-live", "off")
            await expect(mark).to_contain_text("not live since")
            pause = Pause(reason="said while nobody heard", by="ann", since=utc_now(), until=None)
            live.site.store.wishes.pause(stored.identity.unique_id, pause)
        finally:
            live.site.signal(API, signal.SIGCONT)
        await expect(mark).to_have_text("live")
        await expect(page.locator("#facts")).to_contain_text("said while nobody heard")
    assert await window.is_same_document()


async def test_a_page_that_is_told_nothing_newer_is_not_called_live(live: Live, opens: Opens) -> None:
    await live.newer()
    path = await live.has_set("gone", 2)
    window = await opens(f"/page/sets{path}")
    mark = window.page.locator("#live")
    await expect(mark).to_have_text("live")
    await live.ask("DELETE", path)
    await expect(window.page.locator("#trouble")).to_contain_text("Not up to date")
    await expect(mark).to_have_attribute("data-live", "off")
    # A beat says that the connection lives, and no more.
    await expect(window.page.locator("body")).to_have_class("stale")
    await window.page.evaluate("document.getElementById('trouble').replaceChildren()")
    await expect(mark).to_have_text("live")


async def test_an_upgrade_that_ended_while_the_api_was_away_is_shown_once_it_is_back(live: Live, opens: Opens) -> None:
    await live.newer()
    path = await live.has_set("away", 4)
    await live.newer()
    window, listed = await opens(f"/page/sets{path}"), await opens()
    for one in (window, listed):
        await one.mark()
        await expect(one.page.locator("#live")).to_have_text("live")
    await live.ask("POST", f"{path}/osRollingUpgrade")
    await expect(window.page.locator("#head")).to_have_attribute("data-state", "upgrading")
    with window.expecting(*LOST), listed.expecting(*LOST):
        await live.site.take_down(API)
        for one in (window, listed):
            await expect(one.page.locator("#live")).to_contain_text("not live since")
        stored = live.site.store.scale_sets.find(path)
        assert stored is not None
        record = await LiveSet(live.site, stored.identity).ended()
        assert record.status is UpgradeStatus.COMPLETED
        await live.site.all_up()
        await expect(window.page.locator("#head")).to_have_attribute("data-status", "Completed")
        await expect(listed.page.locator(f"#rows > [data-set='{path}']")).to_contain_text("Completed")
        for one in (window, listed):
            await expect(one.page.locator("#live")).to_have_text("live")
    await expect(window.page.locator("#cells")).to_have_attribute("data-drawn", "4")
    assert await drawn(window.page) == {"onTarget": 4}
    assert await window.is_same_document()
    assert await listed.is_same_document()
