"""Links that open a page once, and the sessions that they begin."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from instar.errors import Trouble
from instar.stack.guard.links import FILE, LINK, LINK_LIFE, SESSION, SESSION_LIFE, Page, Sessions, host_of, new_key
from instar.stack.guard.place import link_of, made, unguessable

NOW = datetime(2026, 11, 30, tzinfo=UTC)
KEY = "5" * 64


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def token_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["link"][0]


def test_a_link_begins_one_session_and_no_second(clock: Clock) -> None:
    sessions = Sessions(KEY, clock)
    link = token_of(Page(KEY, "http://page").link(clock))
    session = sessions.begin(link)
    assert session is not None
    assert sessions.is_good(session)
    assert sessions.begin(link) is None
    assert sessions.begin(token_of(Page(KEY, "http://page").link(clock))) is not None, "another link is another one"


def test_a_link_is_good_for_ten_minutes_and_a_session_for_twelve_hours(clock: Clock) -> None:
    sessions = Sessions(KEY, clock)
    late, link = (token_of(Page(KEY, "http://page").link(clock)) for _ in range(2))
    session = sessions.begin(link)
    assert session is not None
    clock.now = NOW + LINK_LIFE
    assert sessions.begin(late) is None
    clock.now = NOW + SESSION_LIFE - timedelta(seconds=1)
    assert sessions.is_good(session)
    clock.now = NOW + SESSION_LIFE
    assert not sessions.is_good(session)


def test_what_is_neither_is_neither(clock: Clock) -> None:
    sessions = Sessions(KEY, clock)
    link = token_of(Page(KEY, "http://page").link(clock))
    session = sessions.begin(token_of(Page(KEY, "http://page").link(clock)))
    assert session is not None
    assert not sessions.is_good(link), "a link is no session"
    assert sessions.begin(session) is None, "and a session no link"
    claims = {"aud": SESSION, "exp": int((NOW + timedelta(hours=1)).timestamp()), "jti": "x"}
    foreign = [
        jwt.encode(claims, new_key(), "HS256"),
        jwt.encode(claims, "", "none"),
        jwt.encode({"aud": SESSION, "jti": "x"}, KEY, "HS256"),
        jwt.encode({"aud": LINK, "exp": claims["exp"]}, KEY, "HS256"),
        *("", "x", "a.b.c", "é" * 5000, session[:-2]),
    ]
    for token in foreign:
        assert not sessions.is_good(token)
        assert sessions.begin(token) is None


def test_each_data_directory_has_a_page_of_its_own_that_stays(tmp_path: Path) -> None:
    first = made(tmp_path, 1, 2, own_network=True)
    again = made(tmp_path, 1, 3, own_network=False)
    assert first.page.key == again.page.key
    assert again.page.url == f"http://{host_of(first.page.key)}:3"
    assert Page.read(tmp_path / FILE) == again.page
    assert (tmp_path / "temporal" / "server.key").stat().st_mode & 0o777 == 0o600
    for name in (FILE, "temporal.toml"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other"
    other.mkdir()
    assert made(other, 1, 2, own_network=True).page.url != first.page.url


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"key": 1, "url": "x"}', "\x00"])
def test_a_file_of_the_page_that_is_spoilt_is_said_and_made_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(Trouble, match=r"cannot be read .*; start `instar up` again"):
        link_of(tmp_path)
    made(tmp_path, 1, 2, own_network=True)
    assert link_of(tmp_path).startswith("http://instar-")


def test_without_a_page_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="name the data directory of a running `instar up`"):
        link_of(tmp_path)


def test_a_page_by_http_on_this_machine_has_a_name_that_nobody_can_guess(tmp_path: Path) -> None:
    url = "http://127.0.0.1:8080/page/once#code"
    assert unguessable(url, tmp_path) == url
    (tmp_path / FILE).write_text("{}")
    assert unguessable(url, tmp_path) == url
    page = made(tmp_path, 1, 2, own_network=True).page
    named = unguessable(url, tmp_path)
    assert re.fullmatch(r"http://instar-[0-9a-f]{12}\.localhost:8080/page/once#code", named)
    assert host_of(page.key) not in named
    assert unguessable(url.replace("127.0.0.1", "localhost"), tmp_path) == named
    for other in ("https://localhost:8080/page/once#code", "http://instar.example:80/#x", "http://[::1", "nonsense"):
        assert unguessable(other, tmp_path) == other
