"""The commands `instar hosts …`: which processes work on the store, on which hosts, and what the store remembers."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from instar.cli.keys_cli import DataDir
from instar.cli.options import Output as Form
from instar.cli.options import Shown
from instar.cli.showing.told import say, show_found
from instar.client.credentials import opened
from instar.compute.clock import utc_now
from instar.domain.hosts.agreement import HEARD_OF_WITHIN, Fact
from instar.errors import Trouble, ended
from instar.store.errors import StoreError

app = typer.Typer(name="hosts", help="Processes that work on the store, and their hosts.", no_args_is_help=True)

HEADS = ("process", "host", "release", "heard of", "seals with", "signs with", "namespace", "machines")


@app.command(name="list")
def list_hosts(data_dir: DataDir = None, output: Shown = Form.TABLE) -> None:
    """Name each process of the last day. Keys are told by their fingerprints, which give nothing of them away."""
    with ended(), opened(data_dir) as store:
        now, listed = store.members.all(utc_now)
        rows = [
            (
                f"{one.process.part} {one.process.pid}",
                one.process.host,
                one.process.release,
                _ago(now - one.seen_at),
                one.process.seals,
                one.process.signs[:16] or "-",
                one.process.temporal or "not known",
                one.process.fleet or "not known",
            )
            for one in listed
        ]
        found = [
            asdict(one.process)
            | {
                "lives": now - one.seen_at < HEARD_OF_WITHIN,
                "startedAt": one.started_at.isoformat(),
                "heardOfAt": one.seen_at.isoformat(),
            }
            for one in listed
        ]
        remembered = {fact: store.members.remembered(fact) for fact in Fact}
    show_found(HEADS, rows, found, output)
    if output is Form.TABLE:
        for fact, what in remembered.items():
            if what is not None:
                say(f"remembered: {fact} {what.value} (by {what.host}, {what.at:%Y-%m-%d %H:%M} UTC)")


@app.command()
def forget(
    what: Annotated[Fact, typer.Argument(help="seal-keys that are lost for good, or a fleet that others replace.")],
    data_dir: DataDir = None,
) -> None:
    """Forget what the store remembers: the next process that begins says it anew. All of Instar must be stopped."""
    with ended(), opened(data_dir) as store:
        try:
            gone = store.members.forget(what, utc_now)
        except StoreError as error:
            raise Trouble(str(error)) from None
    say(f"{what}: forgotten" if gone else f"{what}: nothing was remembered")


def _ago(silent: timedelta) -> str:
    if silent < HEARD_OF_WITHIN:
        return "lives"
    return f"{silent.total_seconds() / 60:.0f} min ago"
