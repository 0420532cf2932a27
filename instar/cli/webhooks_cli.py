"""The commands `instar webhooks …`: who is told what happens to scale sets."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from instar.cli.found import asked
from instar.cli.options import DATA_DIR, ApiUrl, Credentials, DataDir, Output, Shown, command
from instar.cli.showing.told import say, say_json, show_found
from instar.client.sets import webhooks

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
    with asked(api, data_dir, credentials) as there:
        found = there.all(webhooks.ROOT)
    rows = [
        (one["name"], _state(one), one["properties"]["scope"], _events(one), one["properties"].get("undelivered", 0))
        for one in found
    ]
    show_found(("name", "state", "scope", "events", "undelivered"), rows, found, output)


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
    with asked(api, data_dir, credentials) as there:
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
    show_found(("member", "value"), rows, found, output)


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
    with asked(api, data_dir, credentials) as there:
        if secret_file is not None:
            wish["secret"] = webhooks.secret_in(secret_file)
        made, is_new = webhooks.put(there, name, wish)
    if output is Output.JSON:
        say_json(made)
        return
    say(f"{made['name']} is {'made' if is_new else 'changed'}: {_state(made)}, {made['properties']['scope']}")
    if not off:
        words = f"webhooks test {made['name']}"
        say(f"to see whether it works: {command(words, data_dir)}")


@app.command()
def delete(*, name: Name, api: ApiUrl = "", data_dir: DataDir = DATA_DIR, credentials: Credentials = None) -> None:
    """Delete a webhook, with what was still to be delivered to it. One that is not there is no fault."""
    with asked(api, data_dir, credentials) as there:
        was_there = there.send("DELETE", webhooks.path_of(name)).status_code != 204  # noqa: PLR2004  # HTTP's own number
    say(f"{name} is deleted" if was_there else f"there is no webhook {name}")


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
    with asked(api, data_dir, credentials) as there:
        event = webhooks.deliver_a_test(there, name, time.sleep)
    if output is Output.JSON:
        say_json({"event": event, "delivered": True})
        return
    say(f"{name} has taken the test event {event}")


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
    with asked(api, data_dir, credentials) as there:
        found = there.all(f"{webhooks.path_of(name)}/undelivered")
    rows = [
        (one["id"], one["event"], one["state"], one["attempts"], one.get("lastError", "not tried yet")) for one in found
    ]
    show_found(("id", "event", "state", "attempts", "last error"), rows, found, output)


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
    with asked(api, data_dir, credentials) as there:
        count = webhooks.resend(there, name, events or (), everything=everything)
    if output is Output.JSON:
        say_json({"resent": count})
        return
    say(f"{count} events are sent again" if count != 1 else "1 event is sent again")


def _state(one: Json) -> str:
    properties = one["properties"]
    if properties["enabled"]:
        return "on"
    return f"off: {properties['whyDisabled']}" if properties.get("whyDisabled") else "off"


def _events(one: Json) -> str:
    return ", ".join(one["properties"]["events"])
