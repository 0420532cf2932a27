"""Files in a data directory by which the guard and those whom it lets in know each other; all private to the user."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from instar.connection.client import LOCAL_CONFIG
from instar.domain.sets.names import NAMESPACE
from instar.errors import Trouble
from instar.private_files import draft_beside
from instar.stack.certificates import Certificates, local_certificates
from instar.stack.guard.links import FILE as PAGE
from instar.stack.guard.links import INSTARS, Page, host_of, new_key

FOLDER = "temporal"
"""In a data directory: what the guard shows, and demands of clients."""


@dataclass(frozen=True)
class Place:
    """What is in a data directory of the guard's."""

    certificates: Certificates
    """One key pair: the guard's own, and what those whom it lets in must show."""
    config: Path
    """A configuration file of Temporal's clients, with everything to get in: `TEMPORAL_CONFIG_FILE`."""
    page: Page


def made(data_dir: Path, temporal_port: int, page_port: int, *, own_network: bool) -> Place:
    """The files, made or brought up to date. Raises Trouble, OSError."""
    certificates = local_certificates(data_dir / FOLDER, for_clients=True)
    page = made_page(data_dir, page_port, own_network=own_network)
    config = data_dir / LOCAL_CONFIG
    _write(config, _configuration(certificates, temporal_port))
    return Place(certificates, config, page)


def made_page(data_dir: Path, port: int, *, own_network: bool = False) -> Page:
    """The page's file, with the key that it had, or a new one. Raises OSError."""
    key = _key(data_dir / PAGE)
    page = Page(key, f"http://{host_of(key)}:{port}", own_network)
    _write(data_dir / PAGE, json.dumps(asdict(page)))
    return page


def link_of(data_dir: Path) -> str:
    """A link that opens the page of that directory once. Raises Trouble where there is none."""
    path = data_dir.expanduser().absolute() / PAGE
    try:
        return Page.read(path).link()
    except FileNotFoundError:
        raise Trouble(f"there is no {path}: name the data directory of a running `instar up` with --data-dir") from None
    except (OSError, ValueError) as error:
        raise Trouble(f"{path} cannot be read ({error}); start `instar up` again, which makes it anew") from None


def unguessable(url: str, data_dir: Path) -> str:
    """The URL of a page on this machine under a name that nobody else there knows; any other as it is.

    A browser sends a cookie to every port of a host: those of a page at 127.0.0.1 to what others serve there, too.
    By https it does not matter: such a server would need a certificate that the browser trusts.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost", "::1") or parts.port is None:
            return url
        key = Page.read(data_dir.expanduser().absolute() / PAGE).key
    except (OSError, ValueError):
        return url
    return urlunsplit(parts._replace(netloc=f"{host_of(key, INSTARS)}:{parts.port}"))


def _key(path: Path) -> str:
    with suppress(OSError, ValueError):
        return Page.read(path).key
    return new_key()


def _configuration(certificates: Certificates, port: int) -> str:
    quoted = {
        name: json.dumps(str(path))
        for name, path in (
            ("client_cert_path", certificates.certificate),
            ("client_key_path", certificates.key),
            ("server_ca_cert_path", certificates.authority),
        )
    }
    return "\n".join(
        (
            "# How to reach the Temporal server of this `instar up`, for Temporal's clients:",
            "# TEMPORAL_CONFIG_FILE=this file temporal workflow list",
            "[profile.default]",
            f'address = "localhost:{port}"',
            f"namespace = {json.dumps(NAMESPACE)}",
            "[profile.default.tls]",
            *(f"{name} = {value}" for name, value in quoted.items()),
            "",
        )
    )


def _write(path: Path, content: str) -> None:
    draft_beside(path, content.encode()).replace(path)
