"""The commands `instar webhooks …`: who is told what happens to scale sets."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from instar.cli.main import INTERRUPTED
from instar.cli.options import DATA_DIR, ApiUrl, Credentials, DataDir, Output, Shown, command, login_of
from instar.client.api_client import ApiClient
from instar.client.sets import webhooks
from instar.domain.legible import legible_line
from instar.errors import ended

app = typer.Typer(
    name="webhooks",
    help="Who is told what happens to scale sets: signed events to a URL. docs/webhooks.md says what is sent.",
    no_args_is_help=True,
)

Json = dict[str, Any]


Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the webhook.")]


@app.command(name="list")
def list_webhooks(
    *, output: Shown = Output.TABLE, api: ApiUrl = "", data_dir: DataDir = DATA_DIR, credentials: Credentials = None
) -> None:
    """List the webhooks of the scopes in which you have a role, and how many events each has not taken yet."""
    with _asked(credentials, data_dir, api) as there:
        found = there.all(webhooks.ROOT)
    rows = [
        (one["name"], _state(one), one["properties"]["scope"], _events(one), one["properties"].get("undelivered", 0))
        for one in found
    ]
    _show(("name", "state", "scope", "events", "undelivered"), rows, found, output)


@app.command()
def show(
    *,
    name: Name,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """Show one webhook. Its secret is never shown, its whole URL only to whoever may change it."""
    with _asked(credentials, data_dir, api) as there:
        found = there.get(webhooks.path_of(name))
    properties = found["properties"]
    last = properties.get("lastDelivery")
    rows = [
        ("name", found["name"]),
        ("url", properties["url"]),
        ("scope", properties["scope"]),
        ("events", _events(found)),
        ("state", _state(found)),
        ("undelivered", properties.get("undelivered", 0)),
        ("last delivered", f"{last['event']} at {last['at']}" if last else "nothing yet"),
    ]
    _show(("member", "value"), rows, found, output)


@app.command(name="set")
def set_webhook(
    *,
    name: Name,
    url: Annotated[str, typer.Option(help="Where events are sent, over https. Needed for a new one.")] = "",
    scope: Annotated[
        str,
        typer.Option(help="/ for everything, a subscription, a resource group, or the id of a scale set. Likewise."),
    ] = "",
    event: Annotated[
        list[str] | None,
        typer.Option(metavar="EVENT", help="What it is told; may be given again. By default everything, '*'."),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What messages are signed with: whsec_… Needed for a new one."),
    ] = None,
    off: Annotated[
        bool, typer.Option("--off", help="Switch it off: it collects nothing until it is set again.")
    ] = False,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """Make a webhook, or change what is given of it; one that was switched off is on again.

    The receiver gets the same secret: `echo whsec_$(openssl rand -base64 32) > FILE`. Events: started, batchDone,
    rolledBack, breached, parked, waitingForPerson, completed, cancelled, faulted, quarantined, held, holdEnded.
    """
    wish: Json = {"enabled": not off}
    wish |= {"url": url} if url else {}
    wish |= {"scope": scope} if scope else {}
    wish |= {"events": event} if event else {}
    with _asked(credentials, data_dir, api) as there:
        if secret_file is not None:
            wish["secret"] = webhooks.secret_in(secret_file)
        made, is_new = webhooks.put(there, name, wish)
    if output is Output.JSON:
        _print_json(made)
        return
    _say(f"{made['name']} is {'made' if is_new else 'changed'}: {_state(made)}, {made['properties']['scope']}")
    if not off:
        words = f"webhooks test {made['name']}"
        _say(f"to see whether it works: {command(words, data_dir)}")


@app.command()
def delete(*, name: Name, api: ApiUrl = "", data_dir: DataDir = DATA_DIR, credentials: Credentials = None) -> None:
    """Delete a webhook, with what was still to be delivered to it. One that is not there is no fault."""
    with _asked(credentials, data_dir, api) as there:
        was_there = there.send("DELETE", webhooks.path_of(name)).status_code != 204  # noqa: PLR2004  # HTTP's own number
    _say(f"{name} is deleted" if was_there else f"there is no webhook {name}")


@app.command(name="test")
def send_a_test(
    *,
    name: Name,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """Send a test event and wait until it was taken, half a minute at most. The status is 0 only if it was."""
    with _asked(credentials, data_dir, api) as there:
        event = webhooks.deliver_a_test(there, name, time.sleep)
    if output is Output.JSON:
        _print_json({"event": event, "delivered": True})
        return
    _say(f"{name} has taken the test event {event}")


@app.command()
def undelivered(
    *,
    name: Name,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """List what was not delivered until now, the oldest first: what is still tried, and what was given up."""
    with _asked(credentials, data_dir, api) as there:
        found = there.all(f"{webhooks.path_of(name)}/undelivered")
    rows = [
        (one["id"], one["event"], one["state"], one["attempts"], one.get("lastError", "not tried yet")) for one in found
    ]
    _show(("id", "event", "state", "attempts", "last error"), rows, found, output)


@app.command()
def resend(
    *,
    name: Name,
    events: Annotated[list[str] | None, typer.Argument(metavar="[EVENT]...", help="Ids, as undelivered shows.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that was given up.")] = False,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """Try anew, for another day, what was given up: these events, or --all."""
    with _asked(credentials, data_dir, api) as there:
        count = webhooks.resend(there, name, events or (), everything=everything)
    if output is Output.JSON:
        _print_json({"resent": count})
        return
    _say(f"{count} events are sent again" if count != 1 else "1 event is sent again")


@contextmanager
def _asked(credentials: Path | None, data_dir: Path, api: str) -> Iterator[ApiClient]:
    try:
        with ended(), ApiClient(login_of(credentials, data_dir, api)) as there:
            yield there
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _state(one: Json) -> str:
    properties = one["properties"]
    if properties["enabled"]:
        return "on"
    return f"off: {properties['whyDisabled']}" if properties.get("whyDisabled") else "off"


def _events(one: Json) -> str:
    return ", ".join(one["properties"]["events"])


def _show(heads: tuple[str, ...], rows: Sequence[tuple[Any, ...]], found: object, output: Output) -> None:
    if output is Output.JSON:
        _print_json(found)
        return
    table = Table(box=None)
    for number, head in enumerate(heads):
        # What the other commands are told by is whole, however narrow the terminal.
        table.add_column(head, overflow="fold", no_wrap=not number)
    for row in rows:
        table.add_row(*(legible_line(str(cell)) for cell in row))
    # What stands in reasons and scopes was written by others: it is no markup.
    Console(soft_wrap=True, markup=False, emoji=False, highlight=False).print(table, soft_wrap=True)


def _print_json(found: object) -> None:
    typer.echo(json.dumps(found, indent=2))


def _say(line: str) -> None:
    typer.echo(legible_line(line))
