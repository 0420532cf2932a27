"""What a rollout policy may say, and how what it may not say is refused: by name, and by what may stand there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instar.domain.steering.refusals import PolicyRefused
from instar.domain.steering.rollout_policy import (
    DAYS_OFF_AT_MOST,
    WAVES_AT_MOST,
    WINDOWS_AT_MOST,
    RolloutPolicy,
    parsed,
)
from tests.support.looks import plan

NOW = datetime(2026, 12, 4, 12, tzinfo=UTC)
WINDOW = {"days": ["Sat", "Sun"], "from": "01:00", "to": "05:00", "timeZone": "Europe/Berlin"}
WHOLE: dict[str, Any] = {
    "waves": [1, "5%", "20%"],
    "canary": {"instances": ["0"], "bake": "PT1H"},
    "bake": "PT10M",
    "finalBake": "PT2H",
    "windows": [WINDOW],
    "notOn": ["2026-12-24/2027-01-02", "2027-05-01"],
    "notOnReadUntil": "2028-12-04",
    "approval": "afterCanary",
    "approvalDeadline": "P1D",
}


def refused(document: Any) -> tuple[str, str]:
    with pytest.raises(PolicyRefused) as caught:
        parsed(document, NOW)
    return caught.value.target, caught.value.message


def test_w1_w2_w3_a_whole_policy_is_read_and_shown_as_it_was_sent() -> None:
    policy = parsed(WHOLE, NOW)
    assert policy.document == WHOLE
    assert policy.canary is not None
    assert policy.canary.bake == timedelta(hours=1)
    assert parsed(policy.document, NOW) == policy


def test_w1_all_members_may_be_left_out_and_null_leaves_one_out() -> None:
    assert parsed({}, NOW) == RolloutPolicy()
    assert parsed({"waves": None, "canary": {"bake": "PT0S", "instances": None}}, NOW).document == {
        "canary": {"bake": "PT0S"}
    }
    assert RolloutPolicy().document == {}


def window(**changes: Any) -> dict[str, Any]:
    return {"windows": [WINDOW | changes]}


NO_WAVES: tuple[Any, ...] = (0, -1, 100_001, 1.0, True, "5", "0%", "101%", "5 %", "٣%", "", None, [], {})
NO_DURATIONS: tuple[Any, ...] = (
    *(600, [], {}, True),
    *("600", "P", "PT", "P1Y", "P1M", "-PT1H", "pt1h", "00:10:00", "PT1H "),
)
NO_IDS: tuple[Any, ...] = ("a", "", "-1", "01", "1" * 19, "٣", 1, None)
REFUSED: list[tuple[Any, str, str]] = [
    (None, "", "must be an object"),
    ([], "", "must be an object"),
    ({"wave": [1]}, "wave", "do you mean 'waves'?"),
    ({"a\x1b[8m": 1}, "a\\x1b[8m", "there are waves, canary, bake, finalBake, windows, notOn"),
    ({"waves": 5}, "waves", "must be a list"),
    ({"waves": [1] * (WAVES_AT_MOST + 1)}, "waves", "must have at most 20 items, not 21"),
    *(
        ({"waves": [1, wrong]}, "waves[1]", 'must be a number of instances from 1 to 100000, or "1%" to "100%"')
        for wrong in NO_WAVES
    ),
    *(
        ({member: wrong}, member, "must be an ISO 8601 duration")
        for member in ("bake", "finalBake")
        for wrong in NO_DURATIONS
    ),
    *(({member: "P7DT1S"}, member, "must be from P0D to P7D") for member in ("bake", "finalBake")),
    ({"canary": {"bake": "P8D"}}, "canary.bake", "must be from P0D to P7D"),
    ({"canary": {}}, "canary", "says nothing"),
    ({"canary": {"instances": []}}, "canary", "says nothing"),
    ({"canary": {"instance": ["0"]}}, "canary.instance", "do you mean 'instances'?"),
    ({"canary": {"instances": ["1", "1"]}}, "canary", "names an instance twice"),
    ({"canary": {"instances": [str(n) for n in range(101)]}}, "canary.instances", "at most 100 items"),
    *(
        ({"canary": {"instances": [wrong]}}, "canary.instances[0]", "must be the id of an instance as text")
        for wrong in NO_IDS
    ),
    ({"windows": [WINDOW] * (WINDOWS_AT_MOST + 1)}, "windows", "must have at most 20 items, not 21"),
    ({"windows": [{}]}, "windows[0].from", "is missing"),
    (window(zone="UTC"), "windows[0].zone", "there are days, from, to, timeZone"),
    (window(days=[]), "windows[0].days", "must have at least 1 item"),
    (window(days=["Sat", "Sat"]), "windows[0].days", "names a day twice"),
    (window(days=["Saturday"]), "windows[0].days[0]", "must be 'Mon', 'Tue', 'Wed'"),
    (window(timeZone="europe/berlin"), "windows[0].timeZone", "do you mean Europe/Berlin?"),
    (window(timeZone="../zones"), "windows[0].timeZone", "is no time zone"),
    *(
        (window(**{"from": wrong}), "windows[0].from", "must be a time of day from 00:00 to 23:59")
        for wrong in ("24:00", "1:00", "01:60", "01:00:00", "0١:00", "01:00\n", "")
    ),
    *((window(to=wrong), "windows[0].to", "from 00:00 to 24:00") for wrong in ("24:01", "25:00", "noon")),
    ({"notOn": ["2026-02-30"]}, "notOn", "'2026-02-30' is no day"),
    ({"notOn": ["2026-12-24/2026-12-23"]}, "notOn", "ends before it begins"),
    ({"notOn": ["2026-12-24/2027-12-25"]}, "notOn", "has 367 days, and may have 366"),
    ({"notOn": ["20261224"]}, "notOn", "is no day"),
    ({"notOn": ["2026-12-24"] * (DAYS_OFF_AT_MOST + 1)}, "notOn", "must have at most 400 items"),
    ({"notOnReadUntil": 5}, "notOnReadUntil", "must be a day like"),
    ({"approval": "always"}, "approval", "must be 'none', 'first' or 'afterCanary'"),
    ({"approval": "afterCanary"}, "", "has no canary"),
    ({"approvalDeadline": "PT5M"}, "", "has an approvalDeadline and no approval"),
    *(
        ({"approval": "first", "approvalDeadline": wrong}, "approvalDeadline", "must be from PT1M to P30D")
        for wrong in ("PT59S", "P30DT1S")
    ),
]


@pytest.mark.parametrize(("document", "target", "why"), REFUSED)
def test_w1_w2_w3_nonsense_is_refused_by_name(document: Any, target: str, why: str) -> None:
    found, message = refused(document)
    assert found == target
    assert why in message
    assert message.isprintable()


def test_w1_w2_w3_what_is_exactly_at_a_limit_is_taken() -> None:
    at_limits = {
        "waves": [1, 100_000, "1%", "100%"] * 5,
        "canary": {"instances": [str(n) for n in range(100)], "bake": "P7D"},
        "bake": "PT0S",
        "finalBake": "P1W",
        "windows": [WINDOW] * WINDOWS_AT_MOST,
        "notOn": ["2026-12-24"] * DAYS_OFF_AT_MOST,
        "approval": "first",
        "approvalDeadline": "PT1M",
    }
    assert parsed(at_limits, NOW).document["finalBake"] == "P7D"
    assert parsed({"approval": "first", "approvalDeadline": "P30D"}, NOW).approval_deadline == timedelta(days=30)


def test_w3_windows_that_never_open_are_refused_when_they_are_stored() -> None:
    for_ever = {"notOn": ["2026-12-01/2027-12-01", "2027-12-02/2027-12-31"]}
    target, message = refused(for_ever)
    assert target == "windows"
    assert message.startswith("No window ever opens")
    assert refused(for_ever | {"windows": [WINDOW]})[1] == message
    assert parsed({"notOn": ["2026-12-01/2027-12-01"]}, NOW).not_on


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["PT5M", "5%"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*WHOLE, *WINDOW, "judges", "hooks"]) | st.text(max_size=3), inner)
        ),
        max_leaves=8,
    )
)
def test_w1_w2_w3_whatever_is_sent_is_read_or_refused_with_a_sentence(document: Any) -> None:
    policy, refusal = None, ""
    try:
        policy = parsed(document, NOW)
    except PolicyRefused as error:
        refusal = error.message
    assert (policy is None) == refusal.endswith((".", "?"))
    assert policy is None or parsed(policy.document, NOW) == policy


def test_p1_a_policy_travels_whole_and_none_leaves_no_trace_in_a_plan() -> None:
    without = plan()
    assert "rollout" not in without.model_dump_json()
    pinned = without.model_copy(update={"rollout": parsed(WHOLE, NOW)})
    assert type(pinned).model_validate_json(pinned.model_dump_json()) == pinned


def test_p1_what_a_later_release_adds_is_ignored_by_this_one() -> None:
    later = RolloutPolicy.model_validate(WHOLE | {"surge": 3, "windows": [WINDOW | {"colour": "red"}]})
    assert later == parsed(WHOLE, NOW)
