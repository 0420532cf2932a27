"""`instar up`: everything on this machine until Ctrl-C, going on where it was."""

import os
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

import typer

from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.client.credentials import keep_data_private, settings_of
from instar.connection.client import LOCAL_CONFIG
from instar.connection.presence import BeingRestored, check_whole
from instar.connection.setting_groups import OidcSettings
from instar.connection.settings import Compute
from instar.domain.legible import legible_lines
from instar.errors import Trouble
from instar.program import program
from instar.stack.data_dir import claimed
from instar.stack.guard.links import FILE as PAGE
from instar.stack.guard.links import Page
from instar.stack.guard.place import FOLDER as GUARD_FOLDER
from instar.stack.guard.place import unguessable
from instar.stack.processes import ProcessGroup, Stopped
from instar.stack.renewal import Renewal, Renewed
from instar.stack.stack import TLS_FOLDER, Ports, start_parts, start_stack


def up(data_dir: Path, api_port: int, temporal_port: int, ui_port: int, *, tls: bool = False) -> None:
    """Run until a signal; the last line that is printed when all is up is `ready <URL of the API>`.

    A process that dies is started again. Raises Trouble if a port or the directory cannot be had, or a process dies
    three times within a minute; typer.Exit with a shell's status for that signal if one came before all was ready.
    """
    settings = settings_of(data_dir)
    keep_data_private(settings)
    with claimed(data_dir) as directory:
        try:
            check_whole(directory)
        except BeingRestored as error:
            raise Trouble(str(error)) from None
        ports = Ports.chosen(api_port, temporal_port, ui_port, tls=tls)
        with ProcessGroup(directory / "logs", say) as group:
            ready = False
            try:
                say(f"starting Temporal, worker and API; data in {directory}, logs in {directory / 'logs'}")
                kept = settings.temporal_retention
                if settings.oidc.own_issuer:
                    login = start_stack(group, directory, ports, os.environ, kept=kept)
                    lines = [*where_the_page_is(login, directory), *how_to_log_in(login, directory)]
                else:
                    ca_file = start_parts(group, directory, ports, os.environ, kept=kept)
                    lines = how_to_log_in_outside(settings.oidc, directory, ports.api_url, ca_file)
                lines = [*where_metrics_are(ports.metrics(os.environ)), *lines]
                for line in (*how_to_reach_temporal(directory, ports), f"API           {ports.api_url}/docs", *lines):
                    say(line)
                if settings.compute is Compute.SIMULATED and settings.oidc.own_issuer:
                    say(f"a first set   {program()} init --data-dir {quote(str(directory))}")
                say("Ctrl-C stops all; a second one at once")
                say(f"ready {ports.api_url}")
                ready = True
                group.keep_alive()
                renewal = Renewal(renewed_folders(directory, tls=tls), say)
                while True:
                    group.pause(1)
                    renewal.look()
            except Stopped as stopped:
                say(f"{stopped}: stopping API, worker and Temporal")
                if not ready:
                    raise typer.Exit(128 + stopped.signum) from None


def renewed_folders(directory: Path, *, tls: bool) -> list[Renewed]:
    """What is renewed while all runs: the guard's certificate, which its clients show too, and the API's."""
    ours = [Renewed(directory / GUARD_FOLDER, for_clients=True)]
    return [*ours, Renewed(directory / TLS_FOLDER)] if tls else ours


def how_to_reach_temporal(directory: Path, ports: Ports) -> list[str]:
    """Where Temporal is, and what is not closed there."""
    page, folder, instar = Page.read(directory / PAGE), quote(str(directory)), program()
    lines = [
        f"Temporal      {ports.temporal_address}, by mutual TLS; its command line gets in with",
        f"              TEMPORAL_CONFIG_FILE={folder}/{LOCAL_CONFIG} temporal workflow list",
        f"Temporal page {page.link()}",
        f"              opens once, within 10 minutes; for another link: {instar} page --temporal --data-dir {folder}",
    ]
    if not page.own_network:
        lines.append(
            f"NOT CLOSED    this system gives Temporal no network of its own: other users of this machine can reach it "
            f"at ports {ports.inner.temporal} and {ports.inner.ui} (docs/security.md)"
        )
    return lines


def where_the_page_is(login: Login, directory: Path) -> list[str]:
    """A link that logs in to it; where there is none to be had, its address."""
    try:
        with ApiClient(login) as api:
            link = unguessable(api.page_link(), directory)
    except Trouble as trouble:
        return [f"page          {login.endpoint}/", f"              no link to log in with just now: {trouble}"]
    return [
        f"page          {link}",
        f"              logs in once, within 10 minutes; another: {program()} page --data-dir {quote(str(directory))}",
    ]


def where_metrics_are(variables: Mapping[str, str]) -> list[str]:
    """For Prometheus; nothing where a setting of its own says where."""
    return [f"metrics       http://{address}/metrics ({name})" for name, address in variables.items()]


def how_to_log_in(login: Login, directory: Path) -> list[str]:
    """The commands, ready to be pasted; secrets are read from the file that holds them and not shown."""
    file = directory / FILE
    instar, folder = program(), quote(str(directory))
    token = f"{instar} token --data-dir {folder}"
    lines = [
        f"credentials   {file} (role Owner)",
        f"              more with: {instar} credentials create NAME --role ROLE --data-dir {folder}",
        f'with curl     curl -H "Authorization: Bearer $({token})" '
        + (f"--cacert {quote(login.caFile)} " if login.caFile else "")
        + f"'{login.endpoint}/subscriptions?api-version=2022-12-01'",
    ]
    if not login.caFile:
        return [*lines, "with az       needs https: start with --tls"]
    read = "import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])"
    secret = f"$(python3 -c '{read}' {quote(str(file))} clientSecret)"
    az_folder = quote(str(directory / "azure"))
    cloud = f"-n instar --endpoint-resource-manager {login.endpoint}"
    return [
        *lines,
        "with az       (each in the same shell)",
        f"  export AZURE_CONFIG_DIR={az_folder} REQUESTS_CA_BUNDLE={quote(login.caFile)}",
        "  az config set core.instance_discovery=false core.collect_telemetry=false",
        # Pasted once more, with another port perhaps: az refuses to register what it knows.
        f"  az cloud register {cloud} || az cloud update {cloud}",
        "  az cloud set -n instar",
        f'  az login --service-principal -u {login.clientId} -p "{secret}" --tenant {login.tenantId}',
    ]


def how_to_log_in_outside(oidc: OidcSettings, directory: Path, api_url: str, ca_file: str) -> list[str]:
    """What to do where our own issuer is off, and no credentials were made."""
    authority = f"--cacert {quote(ca_file)} " if ca_file else ""
    grant = f"{program()} credentials grant subject:ID --role Owner --data-dir {quote(str(directory))}"
    url = f"'{api_url}/subscriptions?api-version=2022-12-01'"
    return [
        f"page          {api_url}/",
        f"credentials   none of ours (INSTAR_OIDC__OWN_ISSUER): log in with {oidc.issuer}, as aud {oidc.audience}",
        f"roles         {grant} (or group:ID, role:NAME, client:ID)",
        f'with curl     curl -H "Authorization: Bearer $TOKEN" {authority}{url}',
    ]


def say(line: str) -> None:
    """A line to whoever started us; a reader that went away is no reason to stop."""
    try:
        typer.echo(legible_lines(line))
    except BrokenPipeError:
        return
