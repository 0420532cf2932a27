"""`instar credentials …` and `instar audit`: who may use the API, straight in the store."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from api.access.own_issuer import TENANT
from compute.clock import utc_now
from connection.settings import Settings
from domain.access import ROOT, Grant, Role
from instar.api_token import FILE, Login
from instar.errors import Trouble
from instar.watch import DEFAULT_SUBSCRIPTION
from store.errors import StoreError
from store.sealing import Sealer
from store.store import Store


@contextmanager
def opened(data_dir: Path | None) -> Iterator[Store]:
    """The store of a data directory, or the one that the environment names. Raises Trouble."""
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    try:
        settings.make_data_dir()
        with closing(Store.open(settings.store_url, Sealer.from_file(settings.keys))) as store:
            yield store
    except (StoreError, OSError) as error:
        raise Trouble(str(error)) from None


def grant_of(role: str, scope: str) -> Grant:
    """Raises Trouble for a role or scope that is none."""
    spelt = {one.value.lower(): one for one in Role}
    if role.lower() not in spelt:
        raise Trouble(f"'{role}' is no role: it is one of {', '.join(Role)}")
    parts = [part for part in scope.split("/") if part]
    if scope != ROOT and not (scope.startswith("/") and len(parts) > 1 and parts[0].lower() == "subscriptions"):
        raise Trouble(
            f"'{scope}' is no scope: it is / for everything, /subscriptions/ID, /subscriptions/ID/resourceGroups/GROUP "
            "or the id of a resource"
        )
    return Grant(spelt[role.lower()], ROOT if scope == ROOT else "/" + "/".join(parts))


def create(store: Store, name: str, grant: Grant, endpoint: str, ca_file: str = "") -> Login:
    """A new client; its secret is in the answer and nowhere else. Raises Trouble for a name that is none."""
    if not name.strip() or not name.isprintable():
        raise Trouble("credentials need a name, to be told by later")
    client, secret = store.credentials.create(name, grant, utc_now())
    parts = grant.scope.split("/")
    subscription = parts[2] if len(parts) > 2 else DEFAULT_SUBSCRIPTION  # noqa: PLR2004  # /subscriptions/{s}
    return Login(endpoint, TENANT, client.client_id, secret, subscription, ca_file)


def owner(data_dir: Path, endpoint: str, ca_file: str) -> Login:
    """The credentials of whoever may read the data directory, in a file of it; made at the first start.

    Its secret is made anew when the file is gone or was revoked. Raises Trouble.
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
            login = create(store, "owner of the data directory", Grant(Role.OWNER, ROOT), endpoint, ca_file)
    draft = path.with_name(f".{FILE}.new")
    draft.touch(mode=0o600)
    draft.chmod(0o600)
    draft.write_text(login.text(), encoding="utf-8")
    draft.replace(path)
    return login
