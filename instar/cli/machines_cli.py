"""The commands about real machines: `instar images …` and `instar adopt`."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from instar.cli.options import DATA_DIR, INTERRUPTED, ApiUrl, Credentials, DataDir, Subscription, login_of
from instar.client import adopt as adopting
from instar.client import images as publishing
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.connection.settings import Settings
from instar.domain.images.images import ImageReference, version_key
from instar.errors import Trouble, ended

app = typer.Typer(help="Disks as image versions of real machines.", no_args_is_help=True)

DEFAULT_LOCATION = "westeurope"

Location = Annotated[str, typer.Option(help="The region in whose catalogue it is offered.")]


@app.command("publish")
def publish_image(
    *,
    publisher: str,
    offer: str,
    sku: str,
    version: Annotated[str, typer.Argument(help="Numbers joined by dots; higher ones are newer.")],
    file: Annotated[Path, typer.Option(help="A qcow2 disk without a backing file.")],
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    location: Location = DEFAULT_LOCATION,
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Upload a disk as an image version into the hypervisor's pool, and offer it in the catalogue.

    It counts once it was read back and is what was sent. Broken off, the same command goes on where it was. Which
    hypervisor and pool: INSTAR_LIBVIRT__URI and INSTAR_LIBVIRT__POOL, see docs/libvirt.md.
    """
    image = ImageReference(publisher=publisher, offer=offer, sku=sku, version=version)
    with ended():
        try:
            version_key(version)
        except ValueError as error:
            raise Trouble(str(error)) from None
        place = publishing.Place(Settings(), login_of(credentials, data_dir, api), subscription, location)
        publishing.publish(place, image, file, _console())


@app.command("follow")
def follow_images(
    *,
    url: Annotated[str, typer.Argument(help="Root of a simplestreams mirror, like Ubuntu's cloud images.")],
    release: Annotated[list[str], typer.Option(help="An Ubuntu version, like 22.04; may be given again.")],
    every: Annotated[float | None, typer.Option(metavar="SECONDS", min=1, help="Look again after that long.")] = None,
    architecture: Annotated[str, typer.Option()] = "amd64",
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    location: Location = DEFAULT_LOCATION,
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Publish the newest Canonical image of each release that a simplestreams index offers.

    Disks are checked against the index's checksums, not against its signature: use https and a mirror that you trust.
    """
    try:
        with ended():
            place = publishing.Place(Settings(), login_of(credentials, data_dir, api), subscription, location)
            publishing.follow(place, url, frozenset(release), architecture, every, _console())
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


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
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """Make a scale set of libvirt domains that are there already. None is restarted or changed but for its metadata.

    If one of them is refused, none is adopted. Which hypervisor: INSTAR_LIBVIRT__URI, see docs/libvirt.md.
    """
    wish = adopting.Wish(scale_set, model, pattern, version, os_disk, dry_run)
    with ended():
        adopting.adopt(wish, Settings(), login_of(credentials, data_dir, api), _console(), time.sleep)


def _console() -> Console:
    return Console(highlight=False)
