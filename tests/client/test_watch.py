import io
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from rich.console import Console

from instar.client.api_client import ApiAway, ApiClient, ApiRefused
from instar.client.api_token import Login
from instar.client.ends import status_of
from instar.client.showing.picture import CELLS, picture
from instar.client.showing.upgrade_view import upgrade_view
from instar.client.watch import DEFAULT_SUBSCRIPTION, Waiting, find, follow
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeStatus
from instar.errors import Trouble

SET = (
    f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/demo/providers/Microsoft.Compute/virtualMachineScaleSets/web"
)

ENDED: dict[str, Any] = {
    "type": "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades",
    "location": "westeurope",
    "properties": {
        "runningStatus": {"code": "Completed", "startTime": "2026-05-01T10:00:00+00:00", "lastAction": "Start"},
        "progress": {
            "successfulInstanceCount": 4,
            "failedInstanceCount": 1,
            "inProgressInstanceCount": 0,
            "pendingInstanceCount": 0,
        },
        "decisions": [
            {
                "sequence": 1,
                "time": "2026-05-01T10:00:00+00:00",
                "batch": 0,
                "action": "started",
                "reason": "go on: 0 of 5",
            },
            {
                "sequence": 2,
                "time": "2026-05-01T10:00:09+00:00",
                "batch": 2,
                "action": "rollback",
                "reason": "10 is sick",
            },
        ],
        "instances": {
            "10": {"outcome": "rolledBack", "batch": 2, "reason": "never got healthy"},
            "2": {"outcome": "upgraded", "batch": 1, "reason": ""},
            "9": {"outcome": "upgraded", "batch": 2, "reason": ""},
            "1": {"outcome": "upgraded", "batch": 1, "reason": ""},
            "11": {"outcome": "current", "batch": 0, "reason": ""},
        },
    },
}
RUNNING = deepcopy(ENDED)
RUNNING["properties"]["runningStatus"]["code"] = "RollingForward"
RUNNING["properties"]["decisions"].pop()
RUNNING["properties"]["instances"]["10"] = {"outcome": "inProgress", "batch": 2, "reason": ""}


def not_found() -> httpx.Response:
    return httpx.Response(404, json={"error": {"code": "ResourceNotFound", "message": "not there"}})


LOGIN = Login("http://127.0.0.1:1", "tenant", "me", "secret", DEFAULT_SUBSCRIPTION)


def client(answer: Callable[[httpx.Request], httpx.Response]) -> ApiClient:
    def logged_in(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/tenant/oauth2/v2.0/token":
            return httpx.Response(200, json={"access_token": "good"})
        assert request.headers["Authorization"] == "Bearer good"
        return answer(request)

    return ApiClient(LOGIN, transport=httpx.MockTransport(logged_in))


def listing(*ids: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(200, json={"value": [{"id": one} for one in ids]})


def text_of(latest: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    console.print(picture("web", upgrade_view(latest)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


PARKED = deepcopy(RUNNING)
PARKED["properties"] |= {"waitsFor": "paused by ann", "waitsSince": "2026-05-01T10:01:00+00:00"}
PARKED["properties"]["decisions"] += [
    {"sequence": 2, "time": "2026-05-01T10:00:08+00:00", "batch": 1, "action": "verdict", "reason": "go on"},
    {"sequence": 3, "time": "2026-05-01T10:01:00+00:00", "batch": 1, "action": "parked", "reason": "parked: paused"},
]
FACTS = {
    "properties": {
        "number": 7,
        "kind": "osUpgrade",
        "startedBy": "User",
        "targetVersion": "2.0.0",
        "from": ["1.0.0", "1.5.0"],
    }
}
ENDS = {"Completed": 0, "Faulted": 3, "Cancelled": 4}


def ending(code: str) -> dict[str, Any]:
    ended = deepcopy(ENDED)
    ended["properties"]["runningStatus"]["code"] = code
    return ended


AUTOMATIC: dict[str, Any] = {"enabled": True, "firstTriggerAt": "2026-05-01T10:00:00+00:00"}


def followed(
    answers: Iterator[httpx.Response | Exception],
    automatic: dict[str, Any] | None = None,
    waiting: Waiting = Waiting(),  # noqa: B008  # it is frozen
    *,
    facts: bool = False,
) -> tuple[list[str], UpgradeStatus]:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == f"{SET}/instar/upgrades/latest":
            return httpx.Response(200, json=FACTS) if facts else not_found()
        if not request.url.path.endswith("/latest"):
            return httpx.Response(200, json={"id": SET, "properties": automatic or AUTOMATIC})
        assert request.url.params["$expand"] == "decisions,instances"
        following = next(answers)
        if isinstance(following, Exception):
            raise following
        return following

    console = Console(file=io.StringIO(), width=80)
    with client(answer) as api:
        view = follow(api, SET, console, lambda _: None, waiting)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines(), view.status


def test_the_picture_has_a_row_per_batch_and_a_letter_per_machine() -> None:
    rows = text_of(ENDED).splitlines()
    [first] = [row for row in rows if row.startswith("batch 1")]
    [second] = [row for row in rows if row.startswith("batch 2")]
    [without] = [row for row in rows if row.startswith("no batch")]
    assert "##" in first
    assert "2 upgraded" in first
    assert "#R" in second  # in the order of ids as numbers: 9 before 10
    assert "1 upgraded, 1 rolledBack" in second
    assert "=" in without


def test_p17_the_picture_tells_the_reasons() -> None:
    text = text_of(ENDED)
    assert "go on: 0 of 5" in text
    assert "machine 10: rolledBack: never got healthy" in text


def test_the_picture_fits_a_screen_and_keeps_the_newest_reason() -> None:
    busy = deepcopy(RUNNING)
    busy["properties"]["decisions"] = [
        {
            "sequence": n,
            "time": "2026-05-01T10:00:00+00:00",
            "batch": n,
            "action": "batch",
            "reason": f"reason {n} " * 20,
        }
        for n in range(1, 30)
    ]
    console = Console(file=io.StringIO(), width=80)
    console.print(picture("web", upgrade_view(busy), height=16))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert len(text.splitlines()) <= 16
    assert text.count("reason 29") == 20


def test_the_picture_of_a_huge_batch_shows_counts() -> None:
    many = deepcopy(RUNNING)
    many["properties"]["instances"] = {str(n): {"outcome": "inProgress", "batch": 1, "reason": ""} for n in range(2000)}
    text = text_of(many)
    assert "2000 machines" in text
    assert "~~~~~~" not in text


def test_every_outcome_has_a_letter_of_its_own() -> None:
    assert set(CELLS) == set(Outcome)
    assert len({letter for letter, _ in CELLS.values()}) == len(Outcome)


def test_lines_tell_each_decision_once_and_end_with_the_upgrade() -> None:
    told, status = followed(
        iter([not_found(), not_found(), *(httpx.Response(200, json=one) for one in (RUNNING, RUNNING, ENDED))]),
    )
    assert status is UpgradeStatus.COMPLETED
    assert told == [
        "no upgrade of web yet, waiting for the first: not before 2026-05-01T10:00:00+00:00",
        "10:00:00 upgrade  started   go on: 0 of 5",
        "web RollingForward: 4 successful, 1 failed, 0 in progress, 0 pending",
        "10:00:09 batch 2  rollback  10 is sick",
        "web took 9 s, batches done: 0",
        "web Completed: 4 successful, 1 failed, 0 in progress, 0 pending",
    ]


def test_lines_tell_what_it_is_and_where_from_what_it_waits_for_and_each_once() -> None:
    answers = [httpx.Response(200, json=one) for one in (RUNNING, PARKED, PARKED, PARKED, RUNNING)]
    ended = deepcopy(PARKED)
    ended["properties"] |= ENDED["properties"] | {"decisions": PARKED["properties"]["decisions"], "waitsFor": ""}
    told, _ = followed(iter([*answers, httpx.Response(200, json=ended)]), facts=True)
    running = "web RollingForward: 4 successful, 1 failed, 0 in progress, 0 pending"
    assert told == [
        "web upgrade 7 by hand to 2.0.0 from 1.0.0, 1.5.0",
        "10:00:00 upgrade  started   go on: 0 of 5",
        running,
        "10:00:08 batch 1  verdict   go on",
        "10:01:00 batch 1  parked    parked: paused",
        f"{running}; waits since 2026-05-01 10:01Z: paused by ann",
        running,
        "web took 1 min, batches done: 1",
        "web Completed: 4 successful, 1 failed, 0 in progress, 0 pending",
    ]


def test_elapsed_batches_and_what_it_waits_for_are_told() -> None:
    view = upgrade_view(PARKED)
    now = datetime(2026, 5, 1, 11, 30, tzinfo=UTC)
    assert view.pace(now) == ["running for 1 h 30 min, batches done: 1"]
    assert view.waits == "waits since 2026-05-01 10:01Z: paused by ann"
    expected = deepcopy(PARKED)
    expected["properties"]["forecast"] = {"told": "1 of 5 batches done in 90 minutes"}
    assert upgrade_view(expected).pace(now) == [
        "running for 1 h 30 min, batches done: 1",
        "1 of 5 batches done in 90 minutes",
    ]
    odds: tuple[Any, ...] = (None, [], "soon", {"told": "soon\x1b"})
    for odd in odds:
        expected["properties"]["forecast"] = odd
        assert all(line.isprintable() for line in upgrade_view(expected).pace(now))


def test_it_is_enough_that_it_is_parked_only_where_that_is_asked_for() -> None:
    def answers() -> Iterator[httpx.Response]:
        return (httpx.Response(200, json=one) for one in (RUNNING, PARKED, ENDED))

    told, status = followed(answers(), None, Waiting(until_parked=True))
    assert status_of(status) == 5
    assert told[-1].endswith("paused by ann")
    _, status = followed(answers())
    assert status_of(status) == 0


def test_how_it_ended_is_told_apart_by_the_status() -> None:
    statuses = {code: status_of(followed(iter([httpx.Response(200, json=ending(code))]))[1]) for code in ENDS}
    assert statuses == ENDS
    with pytest.raises(Trouble) as nothing:
        followed(iter([not_found()]), {"enabled": False})
    assert nothing.value.exit_status == 6


def test_an_api_that_is_restarted_meanwhile_ends_nothing() -> None:
    told, status = followed(iter([httpx.ConnectError("refused"), httpx.Response(200, json=ENDED)]))
    assert status is UpgradeStatus.COMPLETED
    assert told[0].startswith("the API is away, trying again")


@pytest.mark.parametrize("asked", [SET, f"{SET}/instar/automaticOSUpgrades"])
def test_an_api_that_goes_away_while_the_first_upgrade_is_waited_for_ends_nothing(asked: str) -> None:
    latest = iter([not_found(), not_found(), httpx.Response(200, json=ENDED)])
    counts = dict.fromkeys([SET, f"{SET}/instar/automaticOSUpgrades"], 0)

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/rollingUpgrades/latest"):
            return next(latest)
        if path not in counts:
            return not_found()
        counts[path] += 1
        # The set itself is asked for twice in each look: by the look, and for what comes.
        if path == asked and counts[path] == (2 if path == SET else 1):
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json={"id": SET, "properties": AUTOMATIC})

    console = Console(file=io.StringIO(), width=80)
    with client(answer) as api:
        assert follow(api, SET, console, lambda _: None).status is UpgradeStatus.COMPLETED
    assert isinstance(console.file, io.StringIO)
    assert "the API is away, trying again" in console.file.getvalue()


def test_an_api_that_can_log_nobody_in_just_now_is_away() -> None:
    tokens = iter([httpx.Response(200, json={"access_token": "old"}), httpx.Response(503), httpx.Response(503)])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/tenant/oauth2/v2.0/token":
            return next(tokens, httpx.Response(200, json={"access_token": "new"}))
        if request.url.path.endswith("/instar/upgrades/latest"):
            return not_found()
        is_good = request.headers["Authorization"] == "Bearer new"
        code = "InvalidAuthenticationToken"
        refused = httpx.Response(401, json={"error": {"code": code, "message": "it is over"}})
        return httpx.Response(200, json=ENDED) if is_good else refused

    console = Console(file=io.StringIO(), width=80)
    with ApiClient(LOGIN, transport=httpx.MockTransport(answer)) as api:
        with pytest.raises(ApiRefused, match="401"):
            follow(api, SET, console, lambda _: None)
        assert follow(api, SET, console, lambda _: None).status is UpgradeStatus.COMPLETED
    assert isinstance(console.file, io.StringIO)
    assert "the API cannot log anybody in just now (503)" in console.file.getvalue()


def test_an_api_that_stays_away_is_given_up() -> None:
    with pytest.raises(ApiAway, match="no API answers at"):
        followed(iter([httpx.ConnectError("refused")]), None, Waiting(patience=-1))


def test_an_api_that_starts_is_away_too_and_what_is_refused_is_not() -> None:
    starts = httpx.Response(503, json={"error": {"code": "ServiceUnavailable", "message": "waits for the database"}})
    told, status = followed(iter([starts, starts, httpx.ConnectError("refused"), httpx.Response(200, json=ENDED)]))
    assert status is UpgradeStatus.COMPLETED
    assert [line for line in told if "away" in line] == [
        "the API is away, trying again: the API answered 503 ServiceUnavailable: waits for the database"
    ]
    assert told[1] == "the API is back"
    with pytest.raises(ApiRefused, match="403"):
        followed(iter([httpx.Response(403, json={"error": {"code": "AuthorizationFailed", "message": "no"}})]))


def test_a_set_that_is_gone_is_told() -> None:
    console = Console(file=io.StringIO())
    with client(lambda _: not_found()) as api, pytest.raises(Trouble, match="is gone"):
        follow(api, SET, console, lambda _: None)


def test_a_name_is_looked_up_whatever_its_case() -> None:
    with client(listing(SET, SET.replace("web", "db"))) as api:
        assert find(api, "WEB", DEFAULT_SUBSCRIPTION) == SET


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    with client(listing(SET)) as api, pytest.raises(Trouble, match=r"no scale set 'shop' .*it has: web"):
        find(api, "shop", DEFAULT_SUBSCRIPTION)


def test_a_name_in_several_groups_asks_for_the_group() -> None:
    other = SET.replace("/demo/", "/live/")
    with client(listing(SET, other)) as api, pytest.raises(Trouble, match=r"demo, live; add --resource-group"):
        find(api, "web", DEFAULT_SUBSCRIPTION)


@pytest.mark.parametrize(
    "path", ["/subscriptions/x", f"{SET}?x=1", f"{SET}#x", f"{SET}%2f", f"{SET}\x1b[8m", f"{SET}/x"]
)
def test_a_path_that_is_no_scale_set_is_refused(path: str) -> None:
    with client(listing()) as api, pytest.raises(Trouble, match="is no resource id of a scale set"):
        find(api, path, DEFAULT_SUBSCRIPTION)


def test_a_resource_id_of_no_set_is_told() -> None:
    with client(lambda _: not_found()) as api, pytest.raises(Trouble, match=f"there is no scale set {SET}"):
        find(api, SET, DEFAULT_SUBSCRIPTION)


def test_something_that_is_no_instar_is_told() -> None:
    with client(lambda _: httpx.Response(200, text="hello")) as api, pytest.raises(Trouble, match="is no Instar API"):
        find(api, "web", DEFAULT_SUBSCRIPTION)


def test_a_set_is_found_on_any_page_of_the_list() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["api-version"]
        if "$skiptoken" in request.url.params:
            return httpx.Response(200, json={"value": [{"id": SET}]})
        link = str(request.url.copy_merge_params({"$skiptoken": "x"}))
        return httpx.Response(200, json={"value": [{"id": f"{SET}-other"}], "nextLink": link})

    with client(answer) as api:
        assert find(api, SET.rpartition("/")[2], DEFAULT_SUBSCRIPTION) == SET


def test_where_nothing_will_come_nobody_waits() -> None:
    off = {"enabled": False}
    with pytest.raises(Trouble, match=r"automatic upgrades are off: instar upgrade web .*instar automatic web on"):
        followed(iter([not_found()]), off)
    # With a time of one's own somebody may start one meanwhile.
    told, status = followed(iter([not_found(), httpx.Response(200, json=ENDED)]), off, Waiting(60))
    assert status is UpgradeStatus.COMPLETED
    assert told[0].startswith("no upgrade of web has run, and automatic upgrades are off")


def test_where_the_set_could_not_be_made_nobody_is_told_to_upgrade_it() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == SET:
            return httpx.Response(200, json={"id": SET, "properties": {"provisioningState": "Failed"}})
        return not_found()

    with client(answer) as api, pytest.raises(Trouble, match="the last request about it failed: instar status web"):
        follow(api, SET, Console(file=io.StringIO()), lambda _: None)


def test_it_says_what_the_last_look_came_to() -> None:
    looked = AUTOMATIC | {"lastLook": {"at": "then", "outcome": "nothing newer"}, "nextLookAt": "soon"}
    told, _ = followed(iter([not_found(), httpx.Response(200, json=ENDED)]), looked)
    assert told[0].endswith("waiting for the first: the last look came to: nothing newer; the next one is at soon")


@pytest.mark.parametrize("first", [not_found(), httpx.Response(200, json=RUNNING), httpx.ConnectError("refused")])
def test_it_gives_up_when_the_time_is_over(first: httpx.Response | Exception) -> None:
    with pytest.raises(Trouble, match="no upgrade of web has ended within 0 s"):
        followed(iter([first]), None, Waiting(0))
