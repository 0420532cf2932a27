"""The commands about images and machines that are there: `instar images …` and `instar adopt`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from instar.cli.main import INTERRUPTED
from instar.cli.options import DATA_DIR, ApiUrl, Credentials, DataDir, Subscription, login_of
from instar.client import adopt as adopting
from instar.client import follow as following
from instar.client import images as publishing
from instar.client.credentials import settings_of
from instar.client.origins import Origins
from instar.client.showing.terminal import console
from instar.client.signatures import UBUNTU, Publisher
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.domain.images.images import ImageReference, version_key
from instar.errors import Nonsense, Trouble, ended

app = typer.Typer(
    help="Image versions: of real machines their disks, of simulated ones how they behave.", no_args_is_help=True
)

DEFAULT_LOCATION = "westeurope"

Location = Annotated[str, typer.Option(help="The region in whose catalogue it is offered.")]


@app.command("publish")
def publish_image(
    *,
    publisher: str,
    offer: str,
    sku: str,
    version: Annotated[str, typer.Argument(help="Numbers joined by dots; higher ones are newer.")],
    file: Annotated[
        Path | None, typer.Option(help="A qcow2 disk without a backing file; simulated machines need none.")
    ] = None,
    sick: Annotated[
        bool, typer.Option("--sick", help="Simulated machines: none gets healthy on this version.")
    ] = False,
    sick_on: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Simulated machines: this one does not get healthy on it; may be given again."),
    ] = None,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    location: Location = DEFAULT_LOCATION,
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Offer an image version in the catalogue: of real machines with its disk, of simulated ones with how it behaves.

    A disk is uploaded into the hypervisor's pool, and counts once it was read back and is what was sent. Broken off,
    the same command goes on where it was. Which hypervisor and pool: INSTAR_LIBVIRT__URI and INSTAR_LIBVIRT__POOL, see
    docs/libvirt.md. Given again for simulated machines, what it says of their health replaces what was said before.
    """
    image = ImageReference(publisher=publisher, offer=offer, sku=sku, version=version)
    with ended():
        try:
            version_key(version)
        except ValueError as error:
            raise Trouble(str(error)) from None
        place = publishing.Place(settings_of(None), login_of(credentials, data_dir, api), subscription, location)
        if file is None:
            publishing.publish_simulated(place, image, console(), sick=sick, sick_on=sick_on or ())
            return
        if sick or sick_on:
            raise Nonsense("--sick and --sick-on direct simulated machines, which need no --file")
        publishing.publish(place, image, file, console())


@app.command("follow")
def follow_images(
    *,
    url: Annotated[str, typer.Argument(help="Root of a simplestreams mirror, like Ubuntu's cloud images.")],
    release: Annotated[list[str], typer.Option(help="An Ubuntu version, like 22.04; may be given again.")],
    every: Annotated[float | None, typer.Option(metavar="SECONDS", min=1, help="Look again after that long.")] = None,
    architecture: Annotated[str, typer.Option()] = "amd64",
    key: Annotated[
        Path | None,
        typer.Option(help="The public key that signs the index, if not Ubuntu's. With --fingerprint."),
    ] = None,
    fingerprint: Annotated[str, typer.Option(metavar="HEX", help="Of the key in --key, as its owner says it.")] = "",
    unsigned: Annotated[
        bool,
        typer.Option("--unsigned", help="Check no signature: whoever changes what is served chooses what runs."),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="It may lead to that host too, over https; may be given again."),
    ] = None,
    allow_http: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="That host may be asked without TLS; may be given again.")
    ] = None,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    location: Location = DEFAULT_LOCATION,
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Publish the newest Canonical image of each release that a simplestreams index offers.

    The index must be signed with Ubuntu's key for cloud images, or with --key. It is read over https, and leads to no
    other server than its own, unless --allow-host or --allow-http names that. Each disk must be what the index says.
    """
    try:
        with ended():
            origins = Origins.of(url, allow_host or (), allow_http or ())
            publisher = _publisher(key, fingerprint, unsigned=unsigned)
            source = following.Source(origins, publisher, frozenset(release), architecture)
            place = publishing.Place(settings_of(None), login_of(credentials, data_dir, api), subscription, location)
            following.follow(place, source, every, console())
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _publisher(key: Path | None, fingerprint: str, *, unsigned: bool) -> Publisher | None:
    if unsigned and (key or fingerprint):
        raise Nonsense("--unsigned checks no signature, so --key and --fingerprint can mean nothing beside it")
    if fingerprint and not key:
        raise Nonsense("--fingerprint is that of the key in a file: name it with --key FILE")
    if unsigned:
        return None
    return Publisher.of(key, fingerprint) if key else UBUNTU


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
        adopting.adopt(wish, settings_of(None), login_of(credentials, data_dir, api), console(), time.sleep)
