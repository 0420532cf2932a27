"""Which pictures there are: a name, the moment at which it is taken, and how its window gets there."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from playwright.sync_api import Page, expect

from instar.client.api_client import ApiClient
from instar.domain.sets.names import NAMESPACE
from instar.stack.guard.views import FIRST
from tests.pictures.browser import SIZE
from tests.pictures.scene import SHOP, Moment, Scene

SETTLES_MS = 1_500
"""Given to what moves on Temporal's page."""


@dataclass(frozen=True)
class Shot:
    """`go` leads a new window to what is to be seen, and waits until it is there."""

    name: str
    moment: Moment
    go: Callable[[Page, Scene], None]
    dark: bool = False
    height: int = SIZE["height"]


def _list(page: Page, scene: Scene) -> None:
    page.goto(scene.temporal())
    page.wait_for_url(f"**{FIRST}*")
    for number in (1, 2, 3, 4):
        expect(page.get_by_text(scene.upgrade(number))).to_be_visible()
    page.wait_for_timeout(SETTLES_MS)


def _opened(page: Page, scene: Scene, number: int) -> None:
    """An upgrade's workflow, at its first tab."""
    page.goto(scene.temporal())
    page.wait_for_url(f"**{FIRST}*")
    origin, workflow = page.url.partition("/namespaces/")[0], quote(scene.upgrade(number), safe="")
    page.goto(f"{origin}/namespaces/{NAMESPACE}/workflows/{workflow}")
    page.wait_for_url("**/timeline*")


def _timeline(page: Page, scene: Scene) -> None:
    _opened(page, scene, 2)
    expect(page.get_by_text("each attempt looks for some seconds").first).to_be_visible()
    page.get_by_role("heading", name="Timeline").evaluate("heading => heading.scrollIntoView()")
    page.wait_for_timeout(SETTLES_MS)


def _failure(page: Page, scene: Scene) -> None:
    _opened(page, scene, 3)
    expect(page.get_by_text("stopped: ").first).to_be_visible()
    page.wait_for_timeout(SETTLES_MS)


def _details(number: int, told: str) -> Callable[[Page, Scene], None]:
    """Where the details of an upgrade stand, once they tell that."""

    def go(page: Page, scene: Scene) -> None:
        _opened(page, scene, number)
        page.get_by_role("tab", name="User Metadata").click()
        details = page.frame_locator("#user-metadata-current-details")
        expect(details.get_by_text(told).first).to_be_visible()
        page.wait_for_timeout(SETTLES_MS)

    return go


def _page(page: Page, scene: Scene) -> None:
    """Of Instar itself: the set, from what runs down to its machines."""
    with ApiClient(scene.login) as api:
        page.goto(api.page_link())
    expect(page.locator("#live")).to_have_text("live")
    page.goto(f"{page.url.rstrip('/')}/page/sets{SHOP}")
    expect(page.locator("#live")).to_have_text("live")
    expect(page.locator("#steering-offers")).to_be_visible()
    for doing in ("healthWait", "rolledBack", "waiting"):
        expect(page.locator(f"#tally [data-doing={doing}]")).to_be_visible()
    expect(page.locator("#cells svg").first).to_be_visible()


SHOTS = (
    Shot("temporal-middle", Moment.MIDDLE, _timeline),
    Shot("temporal-middle-details", Moment.MIDDLE, _details(2, "RollingForward")),
    Shot("temporal-list", Moment.END, _list),
    Shot("temporal-faulted", Moment.END, _failure),
    Shot("temporal-faulted-details", Moment.END, _details(3, "Faulted")),
    Shot("page", Moment.SHOP, _page, height=1000),
)
