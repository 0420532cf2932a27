"""What processes of one installation must have in common: told apart at the limit, and said with what to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from instar.domain.hosts.agreement import (
    CLOCKS_REFUSED,
    CLOCKS_TOLD,
    Part,
    Process,
    Remembered,
    clock_is_refused,
    clock_trouble,
    refusals,
    refusals_at_work,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HERE = Process(
    id="1",
    part=Part.API,
    host="one",
    kernel="k1",
    pid=7,
    release="1",
    seals="aa",
    opens=("aa", "bb"),
    signs="s",
    temporal="default/n",
    fleet="libvirt/h/p",
)
THERE = replace(HERE, id="2", host="two", kernel="k2", pid=8)


def remembered(value: str) -> Remembered:
    return Remembered(value, "two", NOW)


def test_f11_those_that_agree_work_together_whatever_host_they_are_on() -> None:
    assert refusals(HERE, [THERE], remembered("aa"), remembered("libvirt/h/p")) == []
    assert refusals(HERE, [THERE], remembered("bb"), None) == []


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            {"seals": "cc", "opens": ("cc", "aa")},
            "api 7 on one has not the key cc, with which the api 8 on two seals",
        ),
        ({"seals": "bb", "opens": ("bb",)}, "the api 8 on two has not the key aa, with which the api 7 on one seals"),
        ({"signs": "t"}, "its signing.key is not the one that the api 8 on two signs tokens with"),
        ({"temporal": "default/other"}, "it works with Temporal's namespace default/n, and the api 8 on two with"),
        ({"temporal": "other/n"}, "TEMPORAL_NAMESPACE as there"),
        (
            {"fleet": "libvirt/h/other"},
            "machines (libvirt/h/p) are not those of the api 8 on two (libvirt/h/other)",
        ),
        ({"fleet": "simulated/x"}, "it would take those for gone"),
    ],
)
def test_f11_each_difference_is_refused_with_what_to_do(other: dict[str, object], words: str) -> None:
    [sentence] = refusals(HERE, [replace(THERE, **other)], None, None)  # type: ignore[arg-type]
    assert words in sentence
    assert "docs/several-hosts.md" in sentence


@pytest.mark.parametrize("unknown", ["signs", "temporal", "fleet"])
def test_f11_what_is_not_known_yet_differs_from_nothing(unknown: str) -> None:
    one = replace(HERE, **{unknown: ""})  # type: ignore[arg-type]
    other = replace(THERE, signs="other", temporal="other", fleet="other/1")
    assert len(refusals(HERE, [other], None, None)) == 3
    assert len(refusals(one, [other], None, None)) == 2


def test_f11_what_a_store_remembers_counts_when_nobody_lives() -> None:
    [sentence] = refusals(HERE, [], remembered("cc"), None)
    assert "has not the key cc, with which this store was sealed last (by two, 2026-05-01 00:00 UTC)" in sentence
    assert "`instar hosts forget seal-keys`" in sentence
    [sentence] = refusals(HERE, [], None, remembered("libvirt/h/other"))
    assert "not those of this store" in sentence
    assert "`instar hosts forget fleet`" in sentence


def test_f11_keys_in_the_middle_of_their_exchange_end_nobody() -> None:
    other = replace(THERE, seals="cc", opens=("cc",))
    assert refusals(HERE, [other], None, None)
    assert refusals_at_work(HERE, [other], None) == []
    assert refusals_at_work(HERE, [replace(other, temporal="other")], None)
    assert refusals_at_work(HERE, [], remembered("simulated/x"))


@pytest.mark.parametrize("way", [1, -1])
def test_f11_clocks_are_told_and_refused_beyond_what_is_surely_so(way: int) -> None:
    uncertain, moment = timedelta(seconds=1), timedelta(milliseconds=1)
    assert clock_trouble(way * (CLOCKS_TOLD + uncertain), uncertain) == ""
    assert f"is 6 s {'ahead of' if way > 0 else 'behind'} that of" in clock_trouble(
        way * (CLOCKS_TOLD + uncertain + moment), uncertain
    )
    assert not clock_is_refused(way * (CLOCKS_REFUSED + uncertain), uncertain)
    assert clock_is_refused(way * (CLOCKS_REFUSED + uncertain + moment), uncertain)
