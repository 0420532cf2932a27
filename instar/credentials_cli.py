"""The commands about access: `instar credentials …`, `instar audit`, `instar token`, `instar certificates`."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from compute.clock import utc_now
from connection.settings import Settings
from instar import credentials
from instar.api_client import ApiClient
from instar.api_token import FILE, Login
from instar.certificates import LOCAL_NAMES, local_certificates
from instar.errors import Trouble, ended

app = typer.Typer(name="credentials", help="Who may use the API, and with which role.", no_args_is_help=True)

DataDir = Annotated[
    Path | None,
    typer.Option(help="The data directory of `instar up`; without it the store that the environment names."),
]
Role = Annotated[str, typer.Option(help="Reader, Contributor or Owner.")]
Scope = Annotated[
    str, typer.Option(help="/ for everything, /subscriptions/ID, …/resourceGroups/GROUP, or the id of a resource.")
]
Output = Annotated[str, typer.Option(help="table or json.")]


@app.command()
def create(
    *,
    name: Annotated[str, typer.Argument(help="What the client is called in lists and in the audit log.")],
    role: Role = "Reader",
    scope: Scope = "/",
    endpoint: Annotated[str, typer.Option(help="URL of the API, for the output; `instar up` knows its own.")] = "",
    data_dir: DataDir = Path(".data"),
    output: Output = "json",
) -> None:
    """Make a client of Instar's own issuer. Its secret is shown now and never again."""
    with ended():
        with credentials.opened(data_dir) as store:
            known = _owner_of(data_dir)
            made = credentials.create(
                store,
                name,
                credentials.grant_of(role, scope),
                endpoint or (known.endpoint if known else ""),
                known.caFile if known else "",
            )
        if output == "json":
            typer.echo(made.text(), nl=False)
        else:
            _table(("client id", "secret", "tenant"), [(made.clientId, made.clientSecret, made.tenantId)])


@app.command(name="list")
def list_clients(data_dir: DataDir = Path(".data"), output: Output = "table") -> None:
    """Every client of ours and every role, without secrets."""
    with ended(), credentials.opened(data_dir) as store:
        clients, roles = store.credentials.all(), store.credentials.assignments()
    names = {one.client_id: one for one in clients}
    rows = [
        (
            names[one.principal].name if one.principal in names else "(another issuer's)",
            one.principal,
            one.grant.role.value,
            one.grant.scope,
            _state(names[one.principal].revoked_at) if one.principal in names else "",
        )
        for one in roles
    ]
    heads = ("name", "principal", "role", "scope", "state")
    if output == "json":
        typer.echo(json.dumps([dict(zip(heads, row, strict=True)) for row in rows], indent=2))
    else:
        _table(heads, rows)


@app.command()
def revoke(
    client_id: Annotated[str, typer.Argument(help="As `instar credentials list` shows it.")],
    data_dir: DataDir = Path(".data"),
) -> None:
    """End a client: its tokens are refused from now on."""
    with ended(), credentials.opened(data_dir) as store:
        if not store.credentials.revoke(client_id, utc_now()):
            raise Trouble(f"there is no client '{client_id}' that is not revoked already")
    typer.echo(f"revoked {client_id}")


@app.command()
def grant(
    principal: Annotated[
        str, typer.Argument(help="A client id of ours; a subject, client or group of another issuer.")
    ],
    role: Role,
    scope: Scope = "/",
    data_dir: DataDir = Path(".data"),
) -> None:
    """Give a principal a role at a scope."""
    with ended(), credentials.opened(data_dir) as store:
        store.credentials.assign(principal, credentials.grant_of(role, scope))
    typer.echo(f"{principal} is {role} at {scope}")


@app.command()
def ungrant(
    principal: Annotated[str, typer.Argument(help="As for grant.")],
    role: Role,
    scope: Scope = "/",
    data_dir: DataDir = Path(".data"),
) -> None:
    """Take a role at a scope from a principal."""
    with ended(), credentials.opened(data_dir) as store:
        if not store.credentials.unassign(principal, credentials.grant_of(role, scope)):
            raise Trouble(f"{principal} is no {role} at {scope}")
    typer.echo(f"{principal} is no {role} at {scope} any more")


def audit(
    resource: Annotated[str, typer.Option(help="Only what concerned a path that holds this text.")] = "",
    count: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    data_dir: DataDir = Path(".data"),
    output: Output = "table",
) -> None:
    """Who did what, the newest first: every request that changed something or was forbidden."""
    with ended(), credentials.opened(data_dir) as store:
        entries = store.audit.newest(count, resource)
    heads = ("at", "name", "principal", "action", "resource", "status", "operation")
    rows = [
        (
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            one.name,
            one.principal,
            one.action,
            one.resource,
            str(one.status),
            one.request_id,
        )
        for one in entries
    ]
    if output == "json":
        typer.echo(json.dumps([dict(zip(heads, row, strict=True)) for row in rows], indent=2))
    else:
        _table(heads, rows)


def token(
    data_dir: Annotated[Path, typer.Option(help="The data directory of a running `instar up`.")] = Path(".data"),
    credentials_file: Annotated[
        Path | None, typer.Option("--credentials", help="Other credentials, as `credentials create` printed them.")
    ] = None,
) -> None:
    """Print a bearer token, for `curl -H "Authorization: Bearer $(instar token)"`."""
    with ended():
        login = Login.read(credentials_file or data_dir / FILE)
        typer.echo(token_of(login))


def certificates(
    directory: Annotated[Path, typer.Argument(help="Where to put ca.crt, server.crt and server.key.")],
    name: Annotated[
        list[str] | None, typer.Option(help="A host name or address of the server; again for each.")
    ] = None,
) -> None:
    """Make a local authority and a certificate; does nothing where good ones are."""
    with ended():
        made = local_certificates(directory, tuple(name or LOCAL_NAMES))
    typer.echo(f"authority   {made.authority}\ncertificate {made.certificate}\nkey         {made.key}")


def token_of(login: Login) -> str:
    """Ask the API for a token. Raises Trouble."""
    with ApiClient(login) as api:
        return api.token()


def _owner_of(data_dir: Path | None) -> Login | None:
    path = (data_dir or Settings().data_dir) / FILE
    return Login.read(path) if path.exists() else None


def _state(revoked_at: datetime | None) -> str:
    return f"revoked {revoked_at:%Y-%m-%d %H:%M}" if revoked_at else "good"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(*heads, box=None)
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=True).print(table, soft_wrap=True)
