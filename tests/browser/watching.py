"""What a page of a set has shown so far: kept in the page itself, so that nothing is missed between two looks."""

from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page

KEEP = """() => {
  window.kept = [];
  const look = () => {
    const head = document.getElementById("head");
    const tally = {};
    for (const one of document.querySelectorAll("#tally [data-doing]"))
      tally[one.dataset.doing] = Number(one.dataset.count);
    const { state, status = "", upgrade = "0" } = head.dataset;
    const now = { state, status, upgrade: Number(upgrade), tally };
    if (JSON.stringify(now) !== JSON.stringify(window.kept.at(-1))) window.kept.push(now);
  };
  look();
  const all = { childList: true, subtree: true, attributes: true };
  new MutationObserver(look).observe(document.getElementById("set"), all);
}"""


@dataclass(frozen=True)
class Seen:
    """One state of the page; the next one differs."""

    state: str
    status: str
    upgrade: int
    tally: dict[str, int]


async def keep(page: Page) -> None:
    """Begin. A page that is loaded anew has forgotten it."""
    await page.evaluate(KEEP)


async def kept(page: Page) -> list[Seen]:
    """All so far. Raises playwright's Error where the page was loaded anew."""
    found: list[dict[str, Any]] = await page.evaluate("() => window.kept.map((one) => one)")
    return [Seen(**one) for one in found]


async def drawn(page: Page) -> dict[str, int]:
    """How many cells are drawn of each kind, as the picture itself has them."""
    counts: dict[str, int] = await page.evaluate(
        """() => { const found = {};
          for (const path of document.querySelectorAll("#cells path.cell"))
            found[path.dataset.doing] = (found[path.dataset.doing] || 0) + path.getAttribute("d").split("z").length - 1;
          return found; }"""
    )
    return counts
