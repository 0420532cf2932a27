"""What has to be sent to a page that shows an older state."""

from api.page.live.parts import CHANGES, Parts, news
from tests.api.page.reading import read

FIRST = Parts(
    {"head": '<p id="head">a</p>'}, {"r-1": '<li id="r-1">x</li>', "r-2": '<li id="r-2">y</li>'}, data={"cells": "[]"}
)


def sent(before: Parts | None, now: Parts) -> dict[str, dict[str, str]]:
    """By the event: what it puts where, and how."""
    found: dict[str, dict[str, str]] = {}
    for event, data in news(before, now):
        assert event not in found
        found[event] = (
            {one["id"]: one["hx-swap-oob"] for one in read(data).all() if "hx-swap-oob" in one.attributes}
            if event == CHANGES
            else {"": data}
        )
    return found


def test_a_page_of_which_nothing_is_known_gets_everything() -> None:
    assert sent(None, FIRST) == {CHANGES: {"head": "true", "rows": "innerHTML"}, "cells": {"": "[]"}}


def test_nothing_is_sent_of_what_is_the_same() -> None:
    assert sent(FIRST, Parts(dict(FIRST.fragments), dict(FIRST.rows), data=dict(FIRST.data))) == {}


def test_only_what_is_new_is_sent() -> None:
    head = Parts({"head": '<p id="head">b</p>'}, FIRST.rows, data=FIRST.data)
    assert sent(FIRST, head) == {CHANGES: {"head": "true"}}
    row = Parts(FIRST.fragments, {**FIRST.rows, "r-2": '<li id="r-2">z</li>'}, data=FIRST.data)
    assert sent(FIRST, row) == {CHANGES: {"r-2": "true"}}
    assert sent(FIRST, Parts(FIRST.fragments, FIRST.rows, data={"cells": "[1]"})) == {"cells": {"": "[1]"}}


def test_a_list_in_another_order_is_sent_as_a_whole() -> None:
    turned = Parts(FIRST.fragments, dict(reversed(list(FIRST.rows.items()))), data=FIRST.data)
    assert sent(FIRST, turned) == {CHANGES: {"rows": "innerHTML"}}
    assert turned.digest != FIRST.digest
    less = Parts(FIRST.fragments, {}, data=FIRST.data)
    assert sent(FIRST, less) == {CHANGES: {"rows": "innerHTML"}}


def test_a_digest_is_that_of_what_is_shown() -> None:
    same = Parts(dict(FIRST.fragments), dict(FIRST.rows), data=dict(FIRST.data))
    assert same.digest == FIRST.digest
    assert (
        len({FIRST.digest, Parts({}).digest, Parts({"a": "<p>bc</p>"}).digest, Parts({"ab": "<p>c</p>"}).digest}) == 4
    )
