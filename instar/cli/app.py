"""The command `instar`."""

import os
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from instar.cli import (
    backup_cli,
    credentials_cli,
    keys_cli,
    machines_cli,
    policies_cli,
    sets_cli,
    steering_cli,
    webhooks_cli,
)
from instar.cli import reconcile as reconciling
from instar.cli import status as standing
from instar.cli.fleet import limits_cli, rings_cli
from instar.cli.hosts import hosts_cli
from instar.cli.kept import rollback_cli
from instar.cli.main import INTERRUPTED
from instar.cli.options import (
    DATA_DIR,
    ApiUrl,
    Credentials,
    DataDir,
    Group,
    SetName,
    Subscription,
    command,
    login_of,
)
from instar.cli.showing import doctor_cli, list_cli, show_cli, watch_cli
from instar.client import watch as watching
from instar.client.showing.terminal import console
from instar.connection.computes import NO_LIBVIRT
from instar.connection.remarks.names import unread
from instar.demo import demo as demonstration
from instar.demo import demo_libvirt as real_demonstration
from instar.domain.legible import legible_line
from instar.errors import Trouble, ended
from instar.private_files import keep_new_files_private
from instar.stack import up as stack

app = typer.Typer(
    name="instar",
    help="Automatic OS image upgrades for fleets of virtual machines, on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")]


def _tell_version(asked: bool) -> None:  # noqa: FBT001  # typer's way
    if asked:
        typer.echo(legible_line(f"instar {version_of('instar')}"))
        raise typer.Exit


@app.callback(help=app.info.help)
def begin(
    context: typer.Context,
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What every command begins with."""
    del version
    for remark in unread(os.environ):
        typer.echo(legible_line(f"instar: warning: {remark}"), err=True)
    umask = keep_new_files_private()
    context.call_on_close(lambda: os.umask(umask))


@app.command()
def up(
    *,
    data_dir: Annotated[Path, typer.Option(help="All data and logs; what is there goes on where it was.")] = DATA_DIR,
    api_port: Port = 8080,
    temporal_port: Port = 7233,
    ui_port: Port = 8233,
    tls: Annotated[bool, typer.Option(help="Serve https, with a local authority made in the data directory.")] = False,
) -> None:
    """Run Temporal, a worker and the API on the loopback until Ctrl-C.

    When all is up the last line printed is `ready` and the URL of the API. A process that dies is started again; if
    one dies three times within a minute, all are stopped, the end of its log is shown and the status is 1. Delays and
    places are settings in the environment (INSTAR_...): see docs/operations.md.
    """
    with ended():
        stack.up(data_dir, api_port, temporal_port, ui_port, tls=tls)


@app.command()
def demo() -> None:
    """Show 20 simulated machines that upgrade themselves: a good version, a bad one, a good one; about a minute.

    Starts everything in a temporary directory on free ports and removes it afterwards. The status is 0 only if the
    upgrades went as the rules say and the flight recorder found nothing.
    """
    try:
        with ended():
            held = demonstration.demo(console())
    except demonstration.Stopped:
        raise typer.Exit(INTERRUPTED) from None
    if not held:
        raise typer.Exit(1)


@app.command("demo-libvirt")
def demo_libvirt() -> None:
    """Show upgrades of five machines that really boot (QEMU, in software), in some minutes.

    Starts everything, a libvirt of its own too, in a temporary directory and removes it afterwards. What it needs:
    deploy/libvirt-packages.sh guest. The status is 0 only if everything went as the rules say.
    """
    try:
        with ended():
            if find_spec("libvirt") is None:
                raise Trouble(NO_LIBVIRT)
            held = real_demonstration.demo_libvirt(console())
    except demonstration.Stopped:
        raise typer.Exit(INTERRUPTED) from None
    if not held:
        raise typer.Exit(1)


@app.command()
def status(
    *,
    scale_set: SetName,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = watching.DEFAULT_SUBSCRIPTION,
) -> None:
    """Show where a scale set stands: its machines, its automatic upgrades, what is quarantined, what to do."""
    with ended():
        login = login_of(credentials, data_dir, api)
        ways = standing.Ways(scale_set, lambda words: command(words, data_dir))
        standing.status(ways, login, subscription, resource_group, console())


@app.command()
def reconcile(
    *,
    scale_set: SetName,
    apply: Annotated[
        bool, typer.Option("--apply", "--yes", help="Do it; without this only what would be done is shown.")
    ] = False,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = watching.DEFAULT_SUBSCRIPTION,
) -> None:
    """Let the records of a scale set take over what its machines have seen, after a restore from a backup.

    A set whose records are older than its machines is held: no upgrade, no scale-in, no reimage. This shows what the
    records do not know; --apply writes it down, raises the capacity to the machines that are there, and ends that.
    """
    with ended():
        login = login_of(credentials, data_dir, api)
        reconciling.reconcile(scale_set, login, subscription, resource_group, console(), apply=apply)


app.command("list")(list_cli.list_sets)
app.command()(show_cli.show)
app.command()(watch_cli.watch)
app.command()(doctor_cli.doctor)
app.command()(list_cli.history)
app.command()(sets_cli.init)
app.command()(sets_cli.upgrade)
app.command()(sets_cli.plan)
app.command()(sets_cli.cancel)
app.command()(sets_cli.automatic)
for steering in (
    steering_cli.pause,
    steering_cli.resume,
    steering_cli.hold,
    steering_cli.release,
    steering_cli.holds,
    steering_cli.approve,
    steering_cli.reject,
    steering_cli.lift,
    rollback_cli.rollback,
    rollback_cli.keep,
):
    app.command()(steering)
app.add_typer(credentials_cli.app)
app.add_typer(keys_cli.app)
app.add_typer(hosts_cli.app)
app.command()(credentials_cli.audit)
app.command()(credentials_cli.token)
app.command()(credentials_cli.page)
app.command()(credentials_cli.certificates)
app.add_typer(machines_cli.app, name="images")
app.add_typer(policies_cli.app, name="rollout-policy")
app.add_typer(webhooks_cli.app)
app.add_typer(limits_cli.app)
app.add_typer(rings_cli.app)
app.command()(machines_cli.adopt)
app.command()(backup_cli.backup)
app.command()(backup_cli.restore)
