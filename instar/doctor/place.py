"""Where the doctor stands: settings, data directory, credentials, and the ways to the parts from here."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, TypeVar

import httpx
from temporalio.client import Client
from temporalio.service import RPCError

from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.connection.client import LOCAL_CONFIG, WrongSettings, configuration, connect
from instar.connection.presence import BeingRestored, look_on
from instar.connection.settings import Settings
from instar.errors import Trouble
from instar.store.database.database import Database
from instar.store.database.engines import parsed_url
from instar.store.errors import SealingError, StoreError
from instar.store.store import Store

Found = TypeVar("Found")

ANSWER_SECONDS = 5.0
"""Of one part, to one question: less than a check has."""

WHERE = ("host", "port")
"""Options of a database's URL that say where it is."""

AUTHORITY = Path("tls", "ca.crt")
"""In a data directory: who signed what its API shows."""

ELSEWHERE = "run it where Instar runs, with its settings or --data-dir"


class NotLooked(Exception):
    """It cannot be looked at from here; the text says why. `do`: what would help."""

    def __init__(self, why: str, do: str = "") -> None:
        super().__init__(why)
        self.do = do


@dataclass(frozen=True)
class Place:
    """From where, and as whom. `settings`: None where they are wrong."""

    settings: Settings | None
    wrong: str
    """What is wrong with the settings."""
    data_dir: Path
    credentials: Path | None = None
    endpoint: str = ""
    """The API's address as it was given; "" where it is to be found."""

    @property
    def known(self) -> Settings:
        """The settings. Raises NotLooked."""
        if self.settings is None:
            raise NotLooked("the settings are wrong: see the check settings")
        return self.settings

    @property
    def data(self) -> Path:
        """The data directory, which is there. Raises NotLooked."""
        try:
            there = self.data_dir.is_dir()
        except OSError as error:
            raise NotLooked(f"{self.data_dir} cannot be looked at: {error.strerror}", ELSEWHERE) from None
        if not there:
            raise NotLooked(f"there is no data directory {self.data_dir} here", ELSEWHERE)
        return self.data_dir

    def login(self) -> Login | None:
        """As whom the API is asked; None where there are no credentials."""
        path = self.credentials or self.data_dir / FILE
        try:
            login = Login.read(path)
        except Trouble:
            return None
        return replace(login, endpoint=self.endpoint or login.endpoint)

    def address(self) -> str:
        """The API's. Raises NotLooked where nothing says it."""
        login = self.login()
        url = self.endpoint or (login.endpoint if login else "")
        url = url or (self.settings.public_url if self.settings else "")
        if not url:
            raise NotLooked("nothing says where the API is", "give --api URL, or --credentials")
        return url.rstrip("/")

    @contextmanager
    def http(self) -> Iterator[httpx.Client]:
        """To the API, without logging in."""
        login = self.login()
        with httpx.Client(
            base_url=self.address(),
            timeout=ANSWER_SECONDS,
            trust_env=False,
            verify=_trusting(login.caFile) if login else self._trusting_ours(),
        ) as client:
            yield client

    def _trusting_ours(self) -> ssl.SSLContext:
        """The authority of the `instar up` here too: with an outside issuer there are no credentials that name it."""
        context = httpx.create_ssl_context(trust_env=False)
        with suppress(OSError):
            context.load_verify_locations(cafile=self.data_dir / AUTHORITY)
        return context

    @contextmanager
    def api(self) -> Iterator[ApiClient]:
        """To the API, logged in. Raises NotLooked without credentials."""
        login = self.login()
        if login is None:
            where = self.credentials or self.data_dir / FILE
            raise NotLooked(f"the API is not asked: there are no credentials in {where}", "give --credentials FILE")
        with ApiClient(login) as there:
            yield there

    def store_address(self) -> str:
        """For people: without a password, which may stand among the options too. Raises StoreError."""
        url = parsed_url(self.known.store_url)
        if url.get_backend_name() == "sqlite":
            return url.database or ""
        return url.set(query={name: url.query[name] for name in WHERE if name in url.query}).render_as_string()

    def store_is_missing(self) -> bool:
        """Whether it is a file that is not there. Raises StoreError."""
        url = parsed_url(self.known.store_url)
        return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()

    def has_store(self) -> bool:
        """Whether this is a place with a store at all: a data directory, or a URL."""
        return bool(self.known.database_url) or self.data_dir.is_dir()

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The store's database, whose schema is left as it is; no restore begins meanwhile.

        Raises NotLooked, StoreError, BeingRestored.
        """
        if not self.has_store():
            raise NotLooked(f"there is no data directory {self.data_dir} and no INSTAR_DATABASE_URL here", ELSEWHERE)
        with closing(look_on(self.data_dir)):
            if self.store_is_missing():
                raise NotLooked("there is no store here: see the check store")
            with closing(Database.as_it_is(self.known.store_url)) as database:
                yield database

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The store, for reading what is not sealed. Raises NotLooked where it does not answer."""
        try:
            with self.database() as database:
                yield Store(database, _Closed())
        except StoreError as error:
            raise NotLooked("the store does not answer: see the check store") from error
        except BeingRestored as error:
            raise NotLooked("the store is being restored: see the check store") from error

    def temporal_address(self) -> tuple[str, str]:
        """Address and namespace. Raises NotLooked where nothing says it, WrongSettings."""
        if not self._says_temporal():
            raise NotLooked("nothing says where Temporal is: no TEMPORAL_ADDRESS, and no `instar up` here", ELSEWHERE)
        found = configuration(self.data_dir)
        return str(found.get("target_host", "")), str(found.get("namespace", "default"))

    def temporal(self, ask: Callable[[Client], Awaitable[Found]]) -> Found:
        """What Temporal answers. Raises NotLooked where it does not."""
        self.temporal_address_or_not_looked()
        try:
            return self.ask_temporal(ask)
        except (RuntimeError, TimeoutError, WrongSettings) as error:
            raise NotLooked("Temporal does not answer: see the check temporal") from error
        except RPCError as error:
            why = f"Temporal answers {error.status.name}, and not what was asked: see the check temporal"
            raise NotLooked(why) from error

    def temporal_address_or_not_looked(self) -> tuple[str, str]:
        """The same, and wrong settings are another check's affair. Raises NotLooked."""
        try:
            return self.temporal_address()
        except WrongSettings as error:
            raise NotLooked("the settings for Temporal are wrong: see the check temporal") from error

    def ask_temporal(self, ask: Callable[[Client], Awaitable[Found]]) -> Found:
        """The same. Raises RuntimeError, TimeoutError, WrongSettings."""

        async def asked() -> Found:
            async with asyncio.timeout(ANSWER_SECONDS):
                client = await connect((), data_dir=self.data_dir)
                return await ask(client)

        return asyncio.run(asked())

    def _says_temporal(self) -> bool:
        try:
            return (self.data_dir / LOCAL_CONFIG).exists() or bool(configuration(self.data_dir))
        except WrongSettings as error:
            if "no setting says where" in str(error) and not self.data_dir.is_dir():
                return False
            raise


class _Closed:
    """Opens nothing: the doctor reads no secret."""

    def seal(self, text: str) -> str:
        """Never."""
        self._refuse(text)

    def open(self, token: str) -> str:
        """Never."""
        self._refuse(token)

    def rotate(self, token: str) -> str:
        """Never."""
        self._refuse(token)

    def _refuse(self, _: str) -> NoReturn:
        raise SealingError("the doctor opens no secret")


def _trusting(ca_file: str) -> ssl.SSLContext | bool:
    try:
        return ssl.create_default_context(cafile=ca_file) if ca_file else True
    except OSError as error:
        raise NotLooked(f"the certificate authority {ca_file} cannot be read: {error.strerror or error}") from None
