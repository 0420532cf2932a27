"""What the doctor makes of workflows, hand-overs, sets, wishes and images."""

from datetime import UTC, datetime, timedelta

import pytest

from instar.domain.checkup import using
from instar.domain.checkup.findings import Check, Level, count_of, named
from instar.domain.checkup.using import BacklogFacts, HandOverFacts, Published, SetFacts, Use, WishFacts
from instar.domain.images.images import ImageReference
from tests.domain.checkup.test_reaching_and_agreeing import OK, PROBLEM, WARNING, judged

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LATEST = ImageReference(publisher="C", offer="W", sku="s", version="latest")
MIB = 1 << 20


def test_workflows() -> None:
    judged(
        using.workflows([], [], 3),
        Check.WORKFLOWS,
        (OK, "3 sets of more than a few minutes: each has its running workflow"),
    )
    found = using.workflows(["web", "db"], ["web 7"], 3)
    judged(found, Check.WORKFLOWS, (PROBLEM, "2 sets without a running workflow: db, web"), (PROBLEM, "1 upgrade in"))
    assert "web 7" in found[1].found


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (HandOverFacts(), (OK, "what was accepted is taken")),
        (HandOverFacts(BacklogFacts(3, timedelta(minutes=5))), (OK, "")),
        (HandOverFacts(BacklogFacts(3, timedelta(minutes=6))), (PROBLEM, "3 requests no set's workflow has taken")),
        (HandOverFacts(deliveries=BacklogFacts(1, timedelta(hours=1))), (OK, "")),
        (HandOverFacts(deliveries=BacklogFacts(1, timedelta(minutes=61))), (WARNING, "the oldest for 61 minutes")),
        (HandOverFacts(given_up=2), (WARNING, "2 events of webhooks that nobody tries")),
        (HandOverFacts(webhooks_off=1), (WARNING, "1 webhook switched off")),
    ],
)
def test_hand_overs(facts: HandOverFacts, expected: tuple[Level, str]) -> None:
    judged(using.hand_overs(facts), Check.HAND_OVERS, expected)


def a_set(*, automatic: bool = True, image: ImageReference = LATEST, **more: object) -> SetFacts:
    known = {"published": True, "next_look": NOW} | more
    return SetFacts("web", automatic, image, **known)  # type: ignore[arg-type]


PINNED = LATEST.at("1.0.0")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (a_set(), (OK, "1 set, each looks")),
        (a_set(image=PINNED), (WARNING, "pinned to one exact version: web")),
        (a_set(image=PINNED, automatic=False), (OK, "")),
        (a_set(image=ImageReference(id="/g/i/versions/1.0.0")), (WARNING, "pinned")),
        (a_set(image=ImageReference(id="/g/i"), published=None), (OK, "")),
        (a_set(published=False), (PROBLEM, "no version of their image is published where they are: web")),
        (a_set(published=False, automatic=False), (PROBLEM, "no version of their image")),
        (a_set(next_look=NOW - timedelta(minutes=30)), (OK, "")),
        (a_set(next_look=NOW - timedelta(minutes=31)), (PROBLEM, "half an hour overdue: web")),
        (a_set(next_look=None), (PROBLEM, "overdue: web")),
        (a_set(next_look=None, busy=True), (OK, "")),
        (a_set(next_look=None, looks_known=False), (OK, "")),
        (a_set(next_look=None, automatic=False), (OK, "")),
        (a_set(behind="older", next_look=None), (PROBLEM, "records older than the machines")),
        (a_set(failed=True), (WARNING, "the last request about these failed: web")),
    ],
)
def test_sets(facts: SetFacts, expected: tuple[Level, str]) -> None:
    judged(using.sets([facts], NOW), Check.SETS, expected)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (WishFacts(), (OK, "no hold or pause without an end")),
        (WishFacts(holds=("freeze",)), (WARNING, "holds without an end: freeze")),
        (WishFacts(pauses=("web",)), (WARNING, "paused without an end: web")),
        (WishFacts(rings={"fleet": [2, 3]}), (WARNING, "rings 'fleet': no set is in ring 2, 3")),
    ],
)
def test_wishes(facts: WishFacts, expected: tuple[Level, str]) -> None:
    judged(using.wishes(facts), Check.WISHES, expected)


ONE, TWO, TEN = (Published(LATEST.at(version), "westeurope", 5 * MIB) for version in ("1.0.0", "2.0.0", "10.0.0"))
OTHER = Published(ImageReference(publisher="C", offer="X", sku="s", version="1.0.0"), "westeurope")


def use(version: str = "latest", location: str = "West Europe", *, on: str | None = "") -> Use:
    return Use(LATEST.at(version), location, None if on is None else frozenset(filter(None, on.split())))


@pytest.mark.parametrize(
    ("published", "uses", "idle"),
    [
        ([ONE, TEN], [use(on="1.0.0")], []),
        ([ONE, TWO, TEN], [use(on="1.0.0")], [TWO]),
        ([ONE, TWO, TEN], [use(on="10.0.0")], [ONE, TWO]),
        ([ONE, TEN], [use(on=None)], []),
        ([ONE, TEN], [use("1.0.0")], [TEN]),
        ([ONE, TEN], [use("latest", "northeurope")], [ONE, TEN]),
        ([ONE, OTHER], [use()], [OTHER]),
        ([ONE], [], [ONE]),
        ([], [use()], []),
    ],
)
def test_images(published: list[Published], uses: list[Use], idle: list[Published]) -> None:
    [found] = using.images(published, uses)
    if not idle:
        judged([found], Check.IMAGES, (OK, f"{count_of(len(published), 'published version')}, each"))
        return
    judged([found], Check.IMAGES, (WARNING, f"{count_of(len(idle), 'published version')} that no set uses"))
    assert named(f"{one.image} in {one.location}" for one in idle) in found.found
    assert (f"{sum(one.size for one in idle) // MIB} MiB" in found.found) == any(one.size for one in idle)
