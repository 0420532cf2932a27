"""`instar credentials …` and `instar audit`: who may use the API, straight in the store."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pydantic import ValidationError

from api.access.outside_names import KINDS
from api.access.own_issuer import TENANT
from instar.client.api_token import FILE, Login
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.compute.clock import utc_now
from instar.connection.private_data import keep_private
from instar.connection.remarks.problems import first_problem
from instar.connection.settings import Settings
from instar.domain.access import ROOT, Grant, Role
from instar.domain.scopes import spelt
from instar.errors import Nonsense, Trouble
from instar.private_files import TooOpen
from instar.store.credentials import Credential
from instar.store.database.sealing import Sealer
from instar.store.errors import StoreError
from instar.store.store import Store

NAME_AT_MOST = 100

OWNER = "owner of the data directory"


def settings_of(data_dir: Path | None) -> Settings:
    """The environment's settings, with another data directory if one is given. Raises Trouble."""
    try:
        return Settings() if data_dir is None else Settings(data_dir=data_dir)
    except ValidationError as error:
        raise Trouble(f"the settings are wrong: {first_problem(error)}") from None


def keep_data_private(settings: Settings) -> None:
    """See `keep_private`. Raises Trouble for what others may use and that cannot be tightened."""
    try:
        keep_private(settings)
    except TooOpen as error:
        raise Trouble(str(error)) from None


@contextmanager
def opened(data_dir: Path | None) -> Iterator[Store]:
    """The store of a data directory, or the one that the environment names. Raises Trouble."""
    settings = settings_of(data_dir)
    try:
        settings.make_data_dir()
        keep_data_private(settings)
        with closing(Store.open(settings.store_url, Sealer.from_file(settings.keys))) as store:
            yield store
    except (StoreError, OSError) as error:
        raise Trouble(str(error)) from None


def role_of(role: str) -> Role:
    """Raises Nonsense for a role that does not exist."""
    spelt = {one.value.lower(): one for one in Role}
    if role.lower() not in spelt:
        raise Nonsense(f"'{role}' is no role: it is one of {', '.join(Role)}")
    return spelt[role.lower()]


def scope_of(scope: str) -> str:
    """The scope as paths spell it. Raises Nonsense for one that no request can be within."""
    try:
        return spelt(scope)
    except ValueError as error:
        raise Nonsense(f"{scope!r} is no scope: {error}") from None


def grant_of(role: str, scope: str) -> Grant:
    """Raises Nonsense for a role or a scope that does not exist."""
    return Grant(role_of(role), scope_of(scope))


def principal_of(store: Store, principal: str) -> str:
    """Whom a role is given to. Raises Nonsense for what is neither a client of ours nor a name of another issuer's."""
    kind, _, name = principal.partition(":")
    if not (kind in KINDS and name.strip() and name.isprintable()) and store.credentials.get(principal) is None:
        raise Nonsense(
            f"{principal!r} is no principal: it is the id of a client of ours (`instar credentials list`), or of "
            f"another issuer one of {', '.join(f'{one}:…' for one in KINDS)}"
        )
    return principal


def client_of(store: Store, given: str) -> Credential:
    """The client of that id, or of that name if it is the only one. Raises Trouble."""
    clients = store.credentials.all()
    found = [client for client in clients if client.client_id == given] or [
        client for client in clients if client.name == given
    ]
    good = [one for one in found if one.revoked_at is None]
    if not found:
        raise Trouble(f"there is no client {given!r}: `instar credentials list` shows them all")
    if len(good) > 1:
        raise Trouble(f"several clients are called {given!r}; say which: {', '.join(one.client_id for one in good)}")
    return (good or found)[-1]


def create(store: Store, name: str, grant: Grant, endpoint: str, ca_file: str = "") -> Login:
    """A new client; its secret is in the answer and nowhere else. Raises Nonsense for a name that none may have."""
    if not name.strip() or not name.isprintable() or len(name) > NAME_AT_MOST:
        raise Nonsense(f"credentials need a name, to be told by later: printable, at most {NAME_AT_MOST} characters")
    client, secret = store.credentials.create(name, grant, utc_now())
    parts = grant.scope.split("/")
    subscription = parts[2] if len(parts) > 2 else DEFAULT_SUBSCRIPTION  # noqa: PLR2004  # /subscriptions/{s}
    return Login(endpoint, TENANT, client.client_id, secret, subscription, ca_file)


def owner(data_dir: Path, endpoint: str, ca_file: str) -> Login:
    """The credentials of whoever may read the data directory, in a file of it; made at the first start.

    Made anew when the file is gone or its client was revoked; a lost one lets nobody in any more. Raises Trouble.
    """
    path = data_dir / FILE
    with opened(data_dir) as store:
        login = None
        if path.exists():
            had = Login.read(path)
            client = store.credentials.authenticated(had.clientId, had.clientSecret)
            login = Login(endpoint, TENANT, had.clientId, had.clientSecret, DEFAULT_SUBSCRIPTION, ca_file)
            login = login if client else None
        if login is None:
            for one in store.credentials.all():
                if one.name == OWNER:
                    store.credentials.revoke(one.client_id, utc_now())
            login = create(store, OWNER, Grant(Role.OWNER, ROOT), endpoint, ca_file)
    draft = path.with_name(f".{FILE}.new")
    draft.touch(mode=0o600)
    draft.chmod(0o600)
    draft.write_text(login.text(), encoding="utf-8")
    draft.replace(path)
    return login
