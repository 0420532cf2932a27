"""The command `instar`."""

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from connection.computes import NO_LIBVIRT
from connection.settings import Settings
from domain.images import ImageReference, version_key
from domain.records import UpgradeStatus
from instar import adopt as adopting
from instar import demo as demonstration
from instar import demo_libvirt as real_demonstration
from instar import images as publishing
from instar import status as standing
from instar import up as stack
from instar import watch as watching
from instar.errors import Trouble

app = typer.Typer(
    name="instar",
    help="Automatic OS image upgrades for fleets of virtual machines, on your own machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

images_app = typer.Typer(help="Disks as image versions of real machines.", no_args_is_help=True)
app.add_typer(images_app, name="images")

INTERRUPTED = 130

LOCAL_API = "http://127.0.0.1:8080"
DEFAULT_LOCATION = "westeurope"

SetName = Annotated[str, typer.Argument(metavar="SET", help="Name or whole resource id of a scale set.")]
ApiUrl = Annotated[str, typer.Option(metavar="URL", help="Where the API answers.")]
Group = Annotated[str, typer.Option(help="Needed if several sets have that name.")]
Subscription = Annotated[str, typer.Option(help="Under which the API is asked.")]
Location = Annotated[str, typer.Option(help="The region in whose catalogue it is offered.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")]


@app.command()
def up(
    data_dir: Annotated[Path, typer.Option(help="All data and logs; what is there goes on where it was.")] = Path(
        ".data",
    ),
    api_port: Port = 8080,
    temporal_port: Port = 7233,
    ui_port: Port = 8233,
) -> None:
    """Run Temporal, a worker and the API on the loopback until Ctrl-C.

    When all is up the last line printed is `ready` and the URL of the API. If one of the processes dies, all are
    stopped, the end of its log is shown and the status is 1. Delays and places are settings in the environment
    (INSTAR_...): see docs/operations.md.
    """
    try:
        stack.up(data_dir, api_port, temporal_port, ui_port)
    except Trouble as trouble:
        raise _ended(trouble) from None


@app.command()
def demo() -> None:
    """Show 20 simulated machines that upgrade themselves: a good version, a bad one, a good one; about a minute.

    Starts everything in a temporary directory on free ports and removes it afterwards. The status is 0 only if the
    upgrades went as the rules say and the flight recorder found nothing.
    """
    try:
        held = demonstration.demo(Console(highlight=False))
    except Trouble as trouble:
        raise _ended(trouble) from None
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
    if find_spec("libvirt") is None:
        raise _ended(Trouble(NO_LIBVIRT))
    try:
        held = real_demonstration.demo_libvirt(Console(highlight=False))
    except Trouble as trouble:
        raise _ended(trouble) from None
    except demonstration.Stopped:
        raise typer.Exit(INTERRUPTED) from None
    if not held:
        raise typer.Exit(1)


@app.command()
def status(
    scale_set: SetName,
    api: ApiUrl = LOCAL_API,
    resource_group: Group = "",
    subscription: Subscription = watching.DEFAULT_SUBSCRIPTION,
) -> None:
    """Show where a scale set stands with its automatic upgrades: the last look, the next one, what is quarantined."""
    try:
        standing.status(scale_set, api, subscription, resource_group, Console(highlight=False))
    except Trouble as trouble:
        raise _ended(trouble) from None


@app.command()
def watch(
    scale_set: SetName,
    api: ApiUrl = LOCAL_API,
    resource_group: Group = "",
    subscription: Subscription = watching.DEFAULT_SUBSCRIPTION,
) -> None:
    """Follow the latest upgrade of a scale set until it ends; wait for the first if there was none.

    A bar per batch, a letter per machine, the reasons; plain lines when the output is no terminal. The status is 0 if
    the upgrade completed, 1 if it was cancelled or faulted.
    """
    try:
        ended = watching.watch(scale_set, api, subscription, resource_group, Console(highlight=False))
    except Trouble as trouble:
        raise _ended(trouble) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if ended is not UpgradeStatus.COMPLETED:
        raise typer.Exit(1)


@images_app.command("publish")
def publish_image(
    *,
    publisher: str,
    offer: str,
    sku: str,
    version: Annotated[str, typer.Argument(help="Numbers joined by dots; higher ones are newer.")],
    file: Annotated[Path, typer.Option(help="A qcow2 disk without a backing file.")],
    api: ApiUrl = LOCAL_API,
    location: Location = DEFAULT_LOCATION,
    subscription: Subscription = watching.DEFAULT_SUBSCRIPTION,
) -> None:
    """Upload a disk as an image version into the hypervisor's pool, and offer it in the catalogue.

    It counts once it was read back and is what was sent. Broken off, the same command goes on where it was. Which
    hypervisor and pool: INSTAR_LIBVIRT__URI and INSTAR_LIBVIRT__POOL, see docs/libvirt.md.
    """
    image = ImageReference(publisher=publisher, offer=offer, sku=sku, version=version)
    try:
        version_key(version)
        publishing.publish(publishing.Place(Settings(), api, subscription, location), image, file, _console())
    except (Trouble, ValueError) as trouble:
        raise _ended(trouble) from None


@images_app.command("follow")
def follow_images(
    *,
    url: Annotated[str, typer.Argument(help="Root of a simplestreams mirror, like Ubuntu's cloud images.")],
    release: Annotated[list[str], typer.Option(help="An Ubuntu version, like 22.04; may be given again.")],
    every: Annotated[float | None, typer.Option(metavar="SECONDS", min=1, help="Look again after that long.")] = None,
    architecture: Annotated[str, typer.Option()] = "amd64",
    api: ApiUrl = LOCAL_API,
    location: Location = DEFAULT_LOCATION,
    subscription: Subscription = watching.DEFAULT_SUBSCRIPTION,
) -> None:
    """Publish the newest Canonical image of each release that a simplestreams index offers.

    Disks are checked against the index's checksums, not against its signature: use https and a mirror that you trust.
    """
    place = publishing.Place(Settings(), api, subscription, location)
    try:
        publishing.follow(place, url, frozenset(release), architecture, every, _console())
    except Trouble as trouble:
        raise _ended(trouble) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


@app.command()
def adopt(
    *,
    scale_set: Annotated[str, typer.Argument(metavar="RESOURCE_ID", help="Of the scale set that they become.")],
    pattern: Annotated[str, typer.Option(help="Names of the domains, as in a shell: 'web-*'.")],
    model: Annotated[Path, typer.Option(help="The scale set's ARM document; its capacity does not matter.")],
    version: Annotated[str, typer.Option(help="The exact image version that they run now.")],
    os_disk: Annotated[str, typer.Option(help="Which disk is the OS disk, like vda, where that is not clear.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be adopted, and what stands against.")
    ] = False,
    api: ApiUrl = LOCAL_API,
) -> None:
    """Make a scale set of libvirt domains that are there already. None is restarted or changed but for its metadata.

    If one of them is refused, none is adopted. Which hypervisor: INSTAR_LIBVIRT__URI, see docs/libvirt.md.
    """
    wish = adopting.Wish(scale_set, model, pattern, version, os_disk, dry_run)
    try:
        adopting.adopt(wish, Settings(), api, _console(), time.sleep)
    except Trouble as trouble:
        raise _ended(trouble) from None


def _console() -> Console:
    return Console(highlight=False)


def _ended(trouble: Exception) -> typer.Exit:
    typer.echo(f"instar: {trouble}", err=True)
    return typer.Exit(1)
