from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from instar.domain.sets.extensions import Extension, ExtensionProfile, extension_problems, run_order


def extension(name: str, *after: str) -> Extension:
    return Extension(name=name, provision_after=after)


def order(*extensions: Extension) -> list[str]:
    return [one.name for one in run_order(extensions)]


def test_p4_extensions_run_as_they_stand_in_the_model_where_nothing_else_is_asked_for() -> None:
    assert order(extension("b"), extension("c"), extension("a")) == ["b", "c", "a"]


def test_p4_an_extension_runs_after_those_it_names() -> None:
    chain = [extension("c", "b"), extension("b", "a"), extension("d"), extension("a")]
    assert order(*chain) == ["d", "a", "b", "c"]


def test_p4_one_that_became_free_takes_its_place_in_the_model_again() -> None:
    assert order(extension("a"), extension("b", "a"), extension("c"), extension("d")) == ["a", "b", "c", "d"]


def test_p4_names_are_compared_without_regard_to_case() -> None:
    assert order(extension("App", "SETUP"), extension("Setup")) == ["Setup", "App"]
    assert extension_problems([extension("App", "SETUP"), extension("Setup")]) == ()


@pytest.mark.parametrize(
    ("extensions", "sentences"),
    [
        (
            [extension("a", "c"), extension("b", "a"), extension("c", "b")],
            ["Extensions wait for each other in a circle: 'a' before 'b' before 'c' before 'a'."],
        ),
        ([extension("a", "A")], ["Extensions wait for each other in a circle: 'a' before 'a'."]),
        (
            [extension("a", "x", "y"), extension("b")],
            [
                "Extension 'a' is to run after 'x', but no extension of the scale set has that name.",
                "Extension 'a' is to run after 'y', but no extension of the scale set has that name.",
            ],
        ),
        (
            [extension("a"), extension("A"), extension("b")],
            ["2 extensions are named 'a': names must differ, whatever their case."],
        ),
        ([extension(""), extension("b")], ["Every extension must have a name."]),
    ],
)
def test_p4_an_order_that_cannot_be_is_said_to_be_so(extensions: list[Extension], sentences: list[str]) -> None:
    assert list(extension_problems(extensions)) == sentences


NAMES = "abcdefgh"


@given(some.dictionaries(some.sampled_from(NAMES), some.sets(some.sampled_from(NAMES)), min_size=1))
def test_p4_every_order_holds_what_was_asked_for_or_a_problem_is_named(wishes: dict[str, set[str]]) -> None:
    extensions = [extension(name, *sorted(after)) for name, after in wishes.items()]
    if extension_problems(extensions):
        return
    found = order(*extensions)
    assert sorted(found) == sorted(wishes)
    for name, after in wishes.items():
        assert all(found.index(one) < found.index(name) for one in after)


@pytest.mark.parametrize(
    ("given_budget", "minutes"),
    [(None, 90), ("PT15M", 15), ("PT120M", 120), ("PT2H", 120), ("PT1H30M", 90)],
)
def test_the_time_budget_is_read(given_budget: str | None, minutes: int) -> None:
    profile = ExtensionProfile.from_arm({"extensionsTimeBudget": given_budget})
    assert profile.extensions_time_budget == timedelta(minutes=minutes)


@pytest.mark.parametrize("nonsense", ["PT14M59S", "PT120M1S", "P1D", "-PT1H", "soon", "", True, [], {}])
def test_a_time_budget_out_of_range_or_of_no_sense_is_refused(nonsense: Any) -> None:
    with pytest.raises(ValidationError):
        ExtensionProfile.from_arm({"extensionsTimeBudget": nonsense})


def test_an_extension_is_read_without_its_settings() -> None:
    body = {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "provisionAfterExtensions": ["health"],
        "settings": {"open": 1},
        "protectedSettings": {"closed": "hidden"},
    }
    [read] = ExtensionProfile.from_arm({"extensions": [{"name": "setup", "properties": body}]}).extensions
    assert read == Extension(
        name="setup",
        publisher="Microsoft.Azure.Extensions",
        type="CustomScript",
        version="2.1",
        provision_after=("health",),
    )
