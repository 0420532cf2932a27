"""Looks that many share."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field

import pytest

from api.page.access.visitor import Visitor
from api.page.asking import Answer, Api
from api.page.live import pollers
from api.page.live.hub import Hub
from api.page.live.parts import Parts
from api.page.live.pollers import Listener, Poller
from api.page.live.questions import Refused
from instar.domain.access import Grant, Role

PATIENCE = 60.0
OWNER = (Grant(Role.OWNER, "/"),)
READER = (Grant(Role.READER, "/"),)


@dataclass(frozen=True)
class Seen:
    text: str

    def parts(self, view: Hashable) -> Parts:
        return Parts({"x": f'<p id="x">{self.text} {view}</p>'})


@dataclass
class Asked:
    """A question whose answers are scripted."""

    name: str = "x"
    looks: list[str] = field(default_factory=list)
    """Tokens that were asked with."""
    refused: dict[str, int] = field(default_factory=dict)
    broken: bool = False
    closed: bool = False

    async def look(self, api: Api) -> Seen:
        self.looks.append(api.visitor.token)
        if self.broken:
            raise RuntimeError
        if status := self.refused.get(api.visitor.token):
            raise Refused(Answer(status, {"error": {"code": "x", "message": f"refused {status}"}}))
        return Seen(f"look {len(self.looks)}")

    def close(self) -> None:
        self.closed = True


def listener(token: str = "t", view: str = "") -> Listener:  # noqa: S107  # as others are named
    async def app(*_: object) -> None: ...

    return Listener(Api(app, "http://x", ("127.0.0.1", 1), Visitor("ann", token, "")), view)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pollers, "EVERY", 0.01)
    monkeypatch.setattr(pollers, "AFTER_A_REFUSAL", 0.01)


@pytest.fixture
async def asked() -> Asked:
    return Asked()


async def text_of(poller: Poller, one: Listener) -> str:
    heard = await poller.next(one, PATIENCE)
    assert heard is not None
    return heard.parts.fragments["x"] if heard.parts else heard.trouble


async def test_two_hundred_who_listen_share_each_look(asked: Asked) -> None:
    poller = Poller(asked)
    many = [listener(str(number)) for number in range(200)]
    for one in many:
        poller.join(one)
    heard = await asyncio.gather(*(text_of(poller, one) for one in many))
    assert len(set(heard)) == 1
    assert len(asked.looks) < 50
    poller.close()


async def test_the_first_begins_the_looks_and_the_last_ends_them(asked: Asked) -> None:
    poller, one, other = Poller(asked), listener(), listener()
    poller.join(one)
    poller.join(other)
    await text_of(poller, one)
    assert poller.leave(one) is False
    assert not asked.closed
    before = len(asked.looks)
    await text_of(poller, other)
    await text_of(poller, other)
    assert len(asked.looks) > before
    assert poller.leave(other) is True
    assert asked.closed
    count = len(asked.looks)
    await asyncio.sleep(0.1)
    assert len(asked.looks) == count


async def test_each_is_told_of_every_newer_look_once_and_as_it_looks_at_it(asked: Asked) -> None:
    poller, one, other = Poller(asked), listener(view="one"), listener(view="other")
    poller.join(one)
    poller.join(other)
    first, second = await text_of(poller, one), await text_of(poller, one)
    assert first != second
    assert " one" in first
    assert " other" in await text_of(poller, other)
    poller.close()


async def test_a_token_that_is_refused_is_its_owners_affair_alone(asked: Asked) -> None:
    asked.refused = {"old": 401}
    poller, old, new = Poller(asked), listener("old"), listener("new")
    poller.join(old)
    poller.join(new)
    assert "look" in await text_of(poller, new)
    assert await poller.next(old, PATIENCE) is None
    assert old.refused
    before = asked.looks.count("old")
    for _ in range(3):
        await text_of(poller, new)
    assert asked.looks.count("old") == before == 1
    poller.close()


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_what_one_with_other_rights_is_answered_is_told_to_nobody(asked: Asked, when: str) -> None:
    async def keeps(_: Api) -> bool:
        return when == "meanwhile" and "raised" not in asked.looks

    poller, raised, other = Poller(asked), listener("raised"), listener("other")
    raised.keeps_rights = keeps
    poller.join(raised)
    poller.join(other)
    first = await text_of(poller, other)
    assert first.startswith('<p id="x">look ' + ("1" if when == "before" else "2"))
    assert await poller.next(raised, PATIENCE) is None
    assert raised.refused
    assert asked.looks.count("raised") == (when == "meanwhile")
    poller.close()


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_what_is_refused_is_said_once_and_what_was_seen_stays(asked: Asked, status: int) -> None:
    poller, one = Poller(asked), listener()
    poller.join(one)
    await text_of(poller, one)
    asked.refused = {"t": status}
    while True:
        heard = await poller.next(one, PATIENCE)
        assert heard is not None
        if heard.trouble:
            break
    assert heard.trouble == f"refused {status}"
    assert heard.parts is not None
    assert await poller.next(one, 0.1) is None
    asked.refused = {}
    heard = await poller.next(one, PATIENCE)
    assert heard is not None
    assert heard.trouble == ""
    poller.close()


async def test_a_look_that_breaks_is_told_logged_and_tried_again(
    asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    asked.broken = True
    poller, one = Poller(asked), listener()
    poller.join(one)
    assert "the API's log has the error" in await text_of(poller, one)
    assert "a look for the page has failed" in caplog.text
    asked.broken = False
    assert "look" in await text_of(poller, one)
    poller.close()


async def test_a_look_that_takes_long_is_followed_by_a_longer_pause(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    poller, one = Poller(asked), listener()
    look = asked.look

    async def slow(api: Api) -> Seen:
        await sleep(0.05)
        return await look(api)

    monkeypatch.setattr(asked, "look", slow)
    monkeypatch.setattr(asyncio, "sleep", noted)
    poller.join(one)
    await text_of(poller, one)
    await text_of(poller, one)
    poller.close()
    assert pauses[0] >= pollers.REST * 0.05


async def test_who_has_other_rights_or_another_question_shares_nothing(asked: Asked) -> None:
    hub, made = Hub(), list[Asked]()

    def question(_: object) -> Asked:
        made.append(Asked())
        return made[-1]

    one, same, other, elsewhere = listener("1"), listener("2"), listener("3"), listener("4")
    with (
        hub.listening(one, OWNER, question, "x") as first,
        hub.listening(same, OWNER, question, "x") as second,
        hub.listening(other, READER, question, "x") as third,
        hub.listening(elsewhere, OWNER, question, "y") as fourth,
    ):
        assert first is second
        assert len({id(poller) for poller in (first, third, fourth)}) == 3
        assert len(made) == len(hub.pollers) == 3
        assert not asked.closed
    assert hub.pollers == {}
    assert all(one.closed for one in made)


async def test_a_look_that_hangs_is_told_and_the_next_one_is_taken(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pollers, "LOOK_WITHIN", 0.05)
    monkeypatch.setattr(pollers, "REST", 0.1)
    look, hangs = asked.look, asyncio.Event()

    async def never(_: Api) -> Seen:
        hangs.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(asked, "look", never)
    poller, one = Poller(asked), listener()
    poller.join(one)
    assert "has not answered within 0.05 seconds" in await text_of(poller, one)
    assert hangs.is_set()
    monkeypatch.setattr(asked, "look", look)
    assert "look" in await text_of(poller, one)
    poller.close()
