"""The commands about access: `instar credentials …`, `instar audit`, `instar token`, `instar page`, …"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from instar.cli.options import DATA_DIR, ApiUrl, login_of
from instar.cli.showing.told import say, say_json, show_table
from instar.client import credentials
from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.client.showing.audit_list import audit_table
from instar.client.showing.browser import opened_in_browser
from instar.client.showing.terminal import console
from instar.compute.clock import utc_now
from instar.domain.legible import legible_line, legible_lines
from instar.errors import Nonsense, Trouble, ended
from instar.stack.certificates import LOCAL_NAMES, local_certificates
from instar.stack.guard.place import link_of, unguessable
from instar.stack.renewal import Renewal, Renewed, keep_renewed
from instar.store.store import Store

app = typer.Typer(name="credentials", help="Who may use the API, and with which role.", no_args_is_help=True)

DataDir = Annotated[
    Path | None,
    typer.Option(help="The data directory of `instar up`; by default INSTAR_DATA_DIR, else .data.", show_default=False),
]
Role = Annotated[str, typer.Option(help="Reader, Contributor or Owner.")]
Scope = Annotated[
    str, typer.Option(help="/ for everything, /subscriptions/ID, …/resourceGroups/GROUP, or the id of a resource.")
]
Output = Annotated[str, typer.Option(help="table or json.")]
Principal = Annotated[
    str,
    typer.Argument(help="A client id of ours; of another issuer subject:ID, group:ID, role:NAME or client:ID."),
]


@app.command()
def create(
    *,
    name: Annotated[str, typer.Argument(help="What the client is called in lists and in the audit log.")],
    role: Role = "Reader",
    scope: Scope = "/",
    endpoint: Annotated[str, typer.Option(help="URL of the API, for the output; `instar up` knows its own.")] = "",
    ca_file: Annotated[str, typer.Option(help="Where clients find its authority, for the output; likewise.")] = "",
    data_dir: DataDir = None,
    output: Output = "json",
) -> None:
    """Make a client of Instar's own issuer. Its secret is shown now and never again."""
    with ended():
        as_json, grant = _as_json(output), credentials.grant_of(role, scope)
        if not credentials.settings_of(data_dir).oidc.own_issuer:
            raise Trouble(
                "Instar's own issuer is off (INSTAR_OIDC__OWN_ISSUER), and a client of it could not log in: give a "
                "role to somebody of the other issuer, `instar credentials grant subject:ID --role ROLE`"
            )
        there = _served_at(data_dir, endpoint, ca_file)
        with _opened(data_dir) as store:
            made = credentials.create(store, name, grant, *there)
        if as_json:
            typer.echo(made.text(), nl=False)
        else:
            show_table(("client id", "secret", "tenant"), [(made.clientId, made.clientSecret, made.tenantId)])


@app.command(name="list")
def list_clients(data_dir: DataDir = None, output: Output = "table") -> None:
    """Every client of ours and every role, without secrets."""
    with ended():
        as_json = _as_json(output)
        with _opened(data_dir) as store:
            clients, roles = store.credentials.all(), store.credentials.assignments()
    names = {client.client_id: client for client in clients}
    with_roles = {role.principal for role in roles}
    rows = [
        (
            names[role.principal].name if role.principal in names else "(another issuer's)",
            role.principal,
            role.grant.role.value,
            role.grant.scope,
            _state(names[role.principal].revoked_at) if role.principal in names else "",
        )
        for role in roles
    ]
    rows += [
        (client.name, client.client_id, "", "", _state(client.revoked_at))
        for client in clients
        if client.client_id not in with_roles
    ]
    _show(("name", "principal", "role", "scope", "state"), rows, as_json=as_json)


@app.command()
def revoke(
    client: Annotated[str, typer.Argument(help="A client id, or a name that only one client has.")],
    data_dir: DataDir = None,
) -> None:
    """End a client: its tokens are refused from now on. One that was revoked before stays so."""
    with ended(), _opened(data_dir) as store:
        one = credentials.client_of(store, client)
        anew = store.credentials.revoke(one.client_id, utc_now())
    typer.echo(legible_line(f"revoked {one.client_id}" if anew else f"{one.client_id} was revoked before"))


@app.command()
def grant(principal: Principal, role: Role, scope: Scope = "/", data_dir: DataDir = None) -> None:
    """Give a principal a role at a scope."""
    with ended():
        given = credentials.grant_of(role, scope)
        with _opened(data_dir) as store:
            store.credentials.assign(credentials.principal_of(store, principal), given)
    typer.echo(legible_line(f"{principal} is {given.role} at {given.scope}"))


@app.command()
def ungrant(
    principal: Annotated[str, typer.Argument(help="As `instar credentials list` shows it.")],
    role: Role,
    scope: Scope = "/",
    data_dir: DataDir = None,
) -> None:
    """Take a role at a scope from a principal."""
    with ended():
        taken = credentials.grant_of(role, scope)
        with _opened(data_dir) as store:
            if not store.credentials.unassign(principal, taken):
                raise Trouble(
                    f"{principal} is no {taken.role} at {taken.scope}: `instar credentials list` shows the roles"
                )
    typer.echo(legible_line(f"{principal} is no {taken.role} at {taken.scope} any more"))


def audit(
    resource: Annotated[str, typer.Option(help="Only what concerned a path that holds this text.")] = "",
    count: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    data_dir: DataDir = None,
    output: Output = "table",
) -> None:
    """Who did what, the newest first: every request that changed something or was forbidden."""
    with ended():
        as_json = _as_json(output)
        with _opened(data_dir) as store:
            entries = store.audit.newest(count, resource)
            begun = {entry.request_id for entry in entries if entry.request_id}
            since = min((entry.at for entry in entries), default=utc_now())
            numbers = store.upgrades.numbers_of(begun, since) if begun and not as_json else {}
    rows = [
        {
            "at": f"{entry.at:%Y-%m-%d %H:%M:%S}",
            "name": entry.name,
            "principal": entry.principal,
            "action": entry.action,
            "resource": entry.resource,
            "status": str(entry.status),
            "times": str(entry.repeats + 1),
            "operation": entry.request_id,
            "why": entry.reason,
        }
        for entry in entries
    ]
    if as_json:
        say_json(rows)
    elif rows:
        console().print(audit_table(rows, numbers))
    else:
        say("nothing is written down" + (f" of a path that holds '{resource}'" if resource else ""))


def token(
    data_dir: Annotated[Path, typer.Option(help="The data directory of a running `instar up`.")] = Path(".data"),
    credentials_file: Annotated[
        Path | None, typer.Option("--credentials", help="Other credentials, as `credentials create` printed them.")
    ] = None,
) -> None:
    """Print a bearer token, for `curl -H "Authorization: Bearer $(instar token)"`."""
    with ended():
        login = Login.read(credentials_file or data_dir / FILE)
        typer.echo(legible_lines(token_of(login)))


def page(
    data_dir: Annotated[Path, typer.Option(help="The data directory of a running `instar up`.")] = DATA_DIR,
    credentials_file: Annotated[
        Path | None, typer.Option("--credentials", help="Other credentials, as `credentials create` printed them.")
    ] = None,
    api: ApiUrl = "",
    *,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser, too.")] = False,
    temporal: Annotated[bool, typer.Option("--temporal", help="Temporal's page, in place of Instar's.")] = False,
) -> None:
    """Print a link that logs in to Instar's page once, within 10 minutes.

    Whoever opens it may do what these credentials may. With --temporal: a link to Temporal's page, whose session lasts
    12 hours.
    """
    with ended():
        if temporal:
            url = link_of(data_dir)
        else:
            with ApiClient(login_of(credentials_file, data_dir, api)) as client:
                url = unguessable(client.page_link(), data_dir)
        typer.echo(legible_line(url))
        if open_it and not opened_in_browser(url, data_dir):
            raise Trouble("no browser could be started here: open the link yourself")


def certificates(
    directory: Annotated[Path, typer.Argument(help="Where to put ca.crt, server.crt and server.key.")],
    name: Annotated[
        list[str] | None, typer.Option(help="A host name or address of the server; again for each.")
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=1, help="Stay, and look that often whether it is soon over."),
    ] = None,
) -> None:
    """Make a local authority and a certificate; does nothing where good ones are.

    One that is over within 30 days is made anew, by the same authority. A running API takes it over by itself.
    """
    with ended():
        names = tuple(name or LOCAL_NAMES)
        made = local_certificates(directory, names)
        files = f"authority   {made.authority}\ncertificate {made.certificate}\nkey         {made.key}"
        typer.echo(legible_lines(files))
        if every is not None:
            renewal = Renewal([Renewed(directory, names)], lambda line: typer.echo(legible_lines(line)))
            keep_renewed(renewal, timedelta(seconds=every))


def token_of(login: Login) -> str:
    """Ask the API for a token. Raises Trouble."""
    with ApiClient(login) as api:
        return api.token()


@contextmanager
def _opened(data_dir: Path | None) -> Iterator[Store]:
    """The store, if there is one: a misspelt directory must not become another Instar's. Raises Trouble."""
    settings = credentials.settings_of(data_dir)
    if not settings.database_url and not settings.data_dir.is_dir():
        raise Trouble(
            f"there is no data directory {settings.data_dir}: --data-dir names another; `instar up` makes one"
        )
    with credentials.opened(data_dir) as store:
        yield store


def _served_at(data_dir: Path | None, endpoint: str, ca_file: str) -> tuple[str, str]:
    """URL and authority of the API: as given, as `instar up` left them, else as the settings say. Raises Trouble."""
    settings = credentials.settings_of(data_dir)
    left = settings.data_dir / FILE
    known = Login.read(left) if left.exists() and not endpoint else None
    url = endpoint or (known.endpoint if known else settings.public_url)
    url = url or ("https://localhost:8080" if settings.tls.certificate else "http://127.0.0.1:8080")
    if not _is_url(url):
        raise Nonsense(f"{url!r} is no URL of an API: it is like https://localhost:8080")
    return url.rstrip("/"), ca_file or (known.caFile if known else "")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and text.isprintable()


def _as_json(output: str) -> bool:
    """Raises Nonsense for what is neither json nor table."""
    if output not in ("json", "table"):
        raise Nonsense(f"{output!r} is no output: it is table or json")
    return output == "json"


def _state(revoked_at: datetime | None) -> str:
    return f"revoked {revoked_at:%Y-%m-%d %H:%M}" if revoked_at else "good"


def _show(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, as_json: bool) -> None:
    if as_json:
        say_json([dict(zip(heads, row, strict=True)) for row in rows])
    else:
        show_table(heads, rows)
