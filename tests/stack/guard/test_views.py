"""What a person sees in a browser that opens Temporal's page for the first time: a Faulted upgrade, at a glance."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from instar.stack.guard.place import link_of
from instar.stack.guard.views import COLUMNS, FIRST, VIEWS
from tests.pictures.browser import CHROMIUM, PNGQUANT, window
from tests.support import running_up

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(CHROMIUM is None or PNGQUANT is None, reason="Chromium is not installed"),
]

BAD = ("Canonical", "UbuntuServer", "18.04-LTS", "99.0.0")


@pytest.fixture(scope="module")
def faulted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of an `instar up` in which an upgrade has ended Faulted."""
    directory = tmp_path_factory.mktemp("up") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSTAR_DELAYS__HEALTH_WAIT", "PT3S")
        with running_up.up(directory):
            instar(directory, "init", "web")
            instar(directory, "images", "publish", *BAD, "--sick")
            instar(directory, "upgrade", "web", "--wait", status=3)
            yield directory


def instar(directory: Path, *words: str, status: int = 0) -> None:
    """A command of ours, which ends with that status."""
    command = [str(running_up.INSTAR), *words, "--data-dir", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)  # noqa: S603  # our own program
    assert done.returncode == status, done.stdout + done.stderr


def test_the_list_shows_a_faulted_upgrade_at_a_glance(faulted: Path) -> None:
    with window() as page:
        page.goto(link_of(faulted))
        page.wait_for_url(f"**{FIRST}*")
        row = page.get_by_role("row").filter(has_text="os-upgrade/web-")
        for told in ("Failed", "Faulted", "web", "99.0.0"):
            expect(row.get_by_text(told, exact=True).first).to_be_visible()
        header = page.get_by_role("row").first.inner_text().split()
        assert [word for word in header if word in COLUMNS] == [one for one in COLUMNS if " " not in one]


def test_the_views_are_there_to_choose_and_show_what_they_say(faulted: Path) -> None:
    with window() as page:
        page.goto(link_of(faulted))
        page.wait_for_url(f"**{FIRST}*")
        for name, upgrades, sets in (
            ("Upgrades: need a person", 1, 0),
            ("Upgrades: cancelled", 0, 0),
            ("Scale sets", 0, 1),
        ):
            page.locator("#workflow-saved-views-button").click()
            page.get_by_role("menuitem", name=name, exact=True).click()
            rows = page.get_by_role("row")
            expect(rows.filter(has_text="os-upgrade/web-")).to_have_count(upgrades)
            expect(rows.filter(has_text="scale-set/web-")).to_have_count(sets)
            assert [VIEWS[name]] == parse_qs(urlsplit(page.url).query)["query"]


def test_what_a_person_has_chosen_stays(faulted: Path) -> None:
    with window() as page:
        page.goto(link_of(faulted))
        page.wait_for_url(f"**{FIRST}*")
        kept = "() => [localStorage['namespace-workflow-table-columns'], localStorage['saved-workflow-queries']]"
        columns, views = page.evaluate(kept)
        assert all(name in views for name in VIEWS)
        page.evaluate("localStorage['namespace-workflow-table-columns'] = JSON.stringify({default: [{label: 'Type'}]})")
        page.evaluate("localStorage['saved-workflow-queries'] = JSON.stringify({default: []})")
        page.goto(link_of(faulted))
        page.wait_for_url(f"**{FIRST}*")
        assert page.evaluate(kept) == ['{"default":[{"label":"Type"}]}', '{"default":[]}']
        # Another edition adds its views, and takes no column away.
        page.evaluate("localStorage['instar-views'] = '0'")
        page.goto(link_of(faulted))
        page.wait_for_url(f"**{FIRST}*")
        again = page.evaluate(kept)
        assert again[0] == '{"default":[{"label":"Type"}]}'
        assert all(name in again[1] for name in VIEWS)
        assert columns != again[0]
        # What is no JSON is left alone, and leads on all the same.
        page.evaluate("localStorage['instar-views'] = '0'; localStorage['saved-workflow-queries'] = '{'")
        page.goto(link_of(faulted))
        page.wait_for_url(f"**{FIRST}*")
