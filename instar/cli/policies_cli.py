"""The commands about rollout policies: `instar rollout-policy get`, `set`, `check`, `test`, `delete`."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from instar.cli.found import found
from instar.cli.options import DATA_DIR, ApiUrl, Credentials, DataDir, Group, Output, Shown, Subscription
from instar.cli.showing.told import say, say_json, show_table
from instar.client.api_client import ApiClient
from instar.client.sets import policies, webhooks
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.domain.legible import legible_line
from instar.errors import Nonsense, ended

app = typer.Typer(
    help="Rollout policies: waves, canaries, bakes, windows, approval, hooks and judges, of a set or of all.",
    no_args_is_help=True,
)

STDIN = "-"


ScaleSet = Annotated[
    str, typer.Argument(metavar="SET", help="Name or whole resource id of a scale set; none: the default of all.")
]
Reason = Annotated[str, typer.Option(help="Why; it is kept, and is in the audit log.")]
NotOn = Annotated[
    Path | None, typer.Option(metavar="FILE", help="An iCalendar file: its days are those on which no window opens.")
]
SecretFile = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=FILE", help="The secret of a hook or judge stands in that file; may be given again for others."
    ),
]
File = Annotated[str, typer.Option("--file", metavar="FILE", help="The policy, as JSON; - is standard input.")]

EXAMPLE = """\b
{"waves": [1, "5%", "20%"], "bake": "PT10M", "finalBake": "PT2H",
 "canary": {"instances": ["0"], "bake": "PT1H"},
 "windows": [{"days": ["Sat", "Sun"], "from": "01:00", "to": "05:00",
              "timeZone": "Europe/Berlin"}],
 "notOn": ["2027-12-24/2028-01-02"], "approval": "afterCanary",
 "hooks": [{"name": "drain", "at": "beforeSwap", "otherwise": "skip",
            "url": "https://drain.example.com/instar", "secret": "whsec_…"}],
 "judges": [{"name": "errors", "kind": "prometheus",
             "url": "https://prometheus.example.com",
             "query": "sum(rate(errors[5m]))", "condition": "< 1"}]}"""


@app.command("get")
def get_policy(
    *,
    scale_set: ScaleSet = "",
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Show the rollout policy of a set's own, or the default one: `instar rollout-policy get web`."""
    with _found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, place):
        _show(policies.shown(there, place), output)


@app.command("set", epilog=EXAMPLE)
def set_policy(
    *,
    scale_set: ScaleSet = "",
    file: File = STDIN,
    not_on: NotOn = None,
    secret_file: SecretFile = None,
    reason: Reason = "",
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Store a rollout policy, as a whole: `instar rollout-policy set web --file policy.json --reason "busy"`.

    The next upgrade goes by it; one that runs goes on by the one that it began with. What `get --output json` printed
    may be changed and given back: secrets, which are never shown, are kept. A policy looks like this; every member may
    be left out:
    """
    policy = _policy(file, not_on)
    if secret_file:
        with ended():
            policy = policies.with_secrets(policy, _secrets(secret_file))
    with _found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, place):
        _show(policies.stored(there, place, policy, reason), output)


@app.command("check", epilog=EXAMPLE)
def check_policy(
    *,
    scale_set: ScaleSet = "",
    file: Annotated[
        str, typer.Option("--file", metavar="FILE", help="As for set; without one: what is in force now.")
    ] = "",
    not_on: NotOn = None,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Tell what a policy would mean, and store nothing: `instar rollout-policy check web --file policy.json`.

    The next openings of its windows, the first batches of the set as it is now, and what is odd about it.
    """
    policy = _policy(file, not_on) if file or not_on else None
    with _found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, place):
        told = policies.checked(there, place, policy)
        if output is Output.JSON:
            say_json(told)
        else:
            _show_check(told)


@app.command("test")
def try_policy(
    *,
    scale_set: ScaleSet = "",
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Call each hook and judge of the policy in force once, and show the answers: `instar rollout-policy test web`.

    What they are sent says that it is a test and names no machine. The status is 0 only if all of them say yes.
    """
    with _found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, place):
        told = policies.tried(there, place)
    if output is Output.JSON:
        say_json(told)
    else:
        rows: list[tuple[str, ...]] = [
            (one["name"], one.get("at", "judge"), one["outcome"], one["reason"])
            for one in (*told["hooks"], *told["judges"])
        ]
        show_table(("name", "at", "answer", "why"), rows)
        if not rows:
            typer.echo("the policy in force has no hooks and no judges")
    if not policies.all_say_yes(told):
        raise typer.Exit(1)


@app.command("delete")
def delete_policy(
    *,
    scale_set: ScaleSet = "",
    reason: Reason = "",
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Remove the rollout policy of a set, or the default one: `instar rollout-policy delete web --reason "trial over"`.

    From its next upgrade on the set goes by the default one, if there is one. What is not there is removed already.
    """
    with _found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, place):
        was_there = policies.removed(there, place, reason)
        typer.echo(legible_line("the rollout policy was removed" if was_there else "there was no rollout policy"))


@contextmanager
def _found(  # noqa: PLR0917  # passed on
    scale_set: str, api: str, data_dir: DataDir, credentials: Credentials, group: str, subscription: str
) -> Iterator[tuple[ApiClient, str]]:
    """The API, and the policy's path; trouble becomes its sentence."""
    with found(scale_set, api, data_dir, credentials, group, subscription) as (there, resource_id):
        yield there, policies.place(resource_id)


def _policy(file: str, not_on: Path | None) -> dict[str, Any]:
    """The policy of a file, bare or as `get --output json` prints it; trouble becomes its sentence."""
    with ended():
        return _read(file, not_on)


def _read(file: str, not_on: Path | None) -> dict[str, Any]:
    """Raises Nonsense."""
    if not file:
        raise Nonsense("--not-on belongs to a policy: give --file too")
    try:
        text = sys.stdin.read() if file == STDIN else Path(file).read_text(encoding="utf-8")
        document = json.loads(text)
        calendar = not_on.read_text(encoding="utf-8") if not_on else None
    except OSError as error:
        raise Nonsense(f"{error.filename} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Nonsense("a file that was given is no UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        where = "standard input" if file == STDIN else file
        raise Nonsense(f"{where} is no JSON: {error}; see `instar rollout-policy set --help` for an example") from None
    if isinstance(document, dict) and isinstance(document.get("properties"), dict):
        document = document["properties"]
    if not isinstance(document, dict):
        raise Nonsense('a rollout policy is a JSON object, like {"waves": [1, "5%"]}')
    return document | ({} if calendar is None else {"notOn": calendar})


def _secrets(given: list[str]) -> dict[str, str]:
    """Name -> secret. Raises Nonsense, Trouble."""
    found = {}
    for one in given:
        name, equals, file = one.partition("=")
        if not (name and equals and file):
            raise Nonsense("--secret-file is given as NAME=FILE, as in drain=drain.secret")
        found[name] = webhooks.secret_in(Path(file))
    return found


def _show(resource: dict[str, Any], output: Output) -> None:
    if output is Output.JSON:
        say_json(resource)
        return
    changed = resource["systemData"]
    rows: list[tuple[str, ...]] = [(name, _told(value)) for name, value in resource["properties"].items()]
    rows += [("stored by", changed["lastModifiedBy"]), ("at", changed["lastModifiedAt"])]
    show_table((), [*rows, ("because", resource["reason"])] if resource["reason"] else rows)


def _show_check(told: dict[str, Any]) -> None:
    say(str(told["windows"]["told"]))
    show_table(("opens", "closes"), [(one["from"], one["to"]) for one in told["openings"]])
    batches: list[tuple[str, ...]] = [
        (str(one["batch"]), str(one["size"]), one["instances"], f"{one['bakeSeconds']} s", one["reason"])
        for one in told.get("batches", ())
    ]
    show_table(("batch", "size", "instances", "bake", "why"), batches)
    if batches and (left := told["batches"][-1]["instancesAfter"]):
        say(f"and so on for {left} more instances")
    for remark in told["remarks"]:
        say(f"mind: {remark}")


def _told(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
