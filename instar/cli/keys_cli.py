"""The commands `instar keys …`: what seals secrets in the store and everything in Temporal."""

from pathlib import Path
from typing import Annotated

import typer

from instar.cli.showing.told import say_json, show_table
from instar.client import keys
from instar.client.credentials import settings_of
from instar.compute.clock import utc_now
from instar.domain.legible import legible_line
from instar.errors import Nonsense, Trouble, ended

app = typer.Typer(name="keys", help="What seals secrets, and everything in Temporal.", no_args_is_help=True)

DataDir = Annotated[
    Path | None,
    typer.Option(help="The data directory of `instar up`; by default INSTAR_DATA_DIR, else .data.", show_default=False),
]


@app.command(name="list")
def list_keys(data_dir: DataDir = None, output: Annotated[str, typer.Option(help="table or json.")] = "table") -> None:
    """Name each key by its fingerprint, and which one seals. The keys themselves are never shown."""
    with ended():
        if output not in ("json", "table"):
            raise Nonsense(f"{output!r} is no output: it is table or json")
        ring = keys.ring(settings_of(data_dir))
    heads = ("fingerprint", "use", "made")
    rows = [
        (
            key.fingerprint,
            "opens" if number else "seals and opens",
            f"{key.made_at:%Y-%m-%d %H:%M:%S}" if key.made_at else "not known",
        )
        for number, key in enumerate(ring.keys)
    ]
    if output == "json":
        say_json([dict(zip(heads, row, strict=True)) for row in rows])
        return
    show_table(heads, rows)


@app.command()
def rotate(data_dir: DataDir = None) -> None:
    """Make a new key that seals from now on, and seal the store's secrets with it, while everything runs.

    Whatever runs on this key file takes the new key up by itself, with the next thing that it seals or opens. Old keys
    stay: they open what was sealed before. `instar keys prune` drops them.
    """
    with ended():
        settings = settings_of(data_dir)
        key, secrets = keys.rotate(settings, utc_now())
    typer.echo(legible_line(f"{key.fingerprint} seals from now on; {secrets} secrets in the store were sealed anew"))
    typer.echo(
        legible_line(
            f"no restart is needed; another machine with its own copy of {settings.keys.name} needs the new one now"
        )
    )


@app.command()
def reseal(data_dir: DataDir = None) -> None:
    """Seal the store's secrets with the key that seals now: after a change of the file by hand, or half a rotation."""
    with ended():
        secrets = keys.reseal(settings_of(data_dir))
    typer.echo(legible_line(f"{secrets} secrets in the store were sealed anew"))


@app.command()
def prune(data_dir: DataDir = None) -> None:
    """Drop old keys that nothing needs any more: no secret in the store, nothing that Temporal still keeps.

    Asks Temporal for every workflow, where TEMPORAL_ADDRESS says. The status is 1 while an old key is still needed.
    """
    with ended():
        pruned = keys.prune(settings_of(data_dir))
        for name in pruned.dropped:
            typer.echo(legible_line(f"dropped {name}"))
        if pruned.needed:
            raise Trouble("\n".join(f"{name} is kept: {why}" for name, why in pruned.needed.items()))
    if not pruned.dropped:
        typer.echo("there is no old key")
