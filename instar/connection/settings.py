"""Settings of every Instar process, from environment variables `INSTAR_…`; names, defaults and units in one place (T6).

How to reach Temporal is not here: the SDK's own `TEMPORAL_…` variables and profiles say that
(`instar.connection.client`).
"""

import json
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from instar.compute.probing.reach import Network, networks_of
from instar.domain.delays import Delays, seconds_as_text

MOST_PORT = 65535


def _is_safe(url: str) -> bool:
    """Whether what is fetched there comes from whom the URL names: by https, or from this machine."""
    parts = urlsplit(url)
    here = ("127.0.0.1", "localhost", "::1")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in here))


class OidcSettings(BaseModel):
    """Whose tokens are good (`INSTAR_OIDC__ISSUER` and so on)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = ""
    """URL of an OpenID Connect issuer (Entra ID, Keycloak) whose tokens are believed; empty: none."""

    audience: str = ""
    """Whom that issuer's tokens must be for; needed with `issuer`."""

    own_issuer: bool = True
    """Whether Instar's own issuer gives and accepts tokens."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.issuer and not _is_safe(self.issuer):
            raise ValueError("the issuer must be an https URL")
        if self.issuer and not self.audience:
            raise ValueError(
                "an issuer without an audience would let in whatever token it ever gives: set the audience"
            )
        if not self.issuer and not self.own_issuer:
            raise ValueError("nobody could get in: name an issuer, or leave our own one on")
        return self


class TlsSettings(BaseModel):
    """What the API serves https with (`INSTAR_TLS__CERTIFICATE`, `INSTAR_TLS__KEY`): both or none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Path | None = None
    """PEM, with the chain."""

    key: Path | None = None
    """PEM, without a password."""

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self


class ProbesSettings(BaseModel):
    """Where probes of machines' health may go (`INSTAR_PROBES__NETWORKS`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: Annotated[tuple[Network, ...] | None, NoDecode] = None
    """Networks in CIDR notation, comma-separated or as a JSON list; None or "": those of the compute's own."""

    @field_validator("networks", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        if isinstance(given, str):
            given = _list_of(given)
        if given is None:
            return None
        if not isinstance(given, list | tuple) or not all(isinstance(network, str | Network) for network in given):
            raise ValueError('networks are listed as 10.20.0.0/16,fd12:3456::/64 or ["10.20.0.0/16", "fd12:3456::/64"]')
        if not given:
            raise ValueError("an empty list allows no probe: name a network, or leave the setting out")
        return networks_of(given)


def _list_of(text: str) -> Any:
    """What a JSON list holds, or the parts between commas; None of a text that is empty."""
    text = text.strip()
    if not text.startswith(("[", "{", '"')):
        return text.split(",") if text else None
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError("it begins like JSON and is none") from None


class Compute(StrEnum):
    """What runs the machines."""

    SIMULATED = "simulated"
    LIBVIRT = "libvirt"


class Settings(BaseSettings):
    """All paths are made absolute; delays nest as `INSTAR_DELAYS__HEALTH_WAIT=PT5M` (ISO 8601, or seconds)."""

    model_config = SettingsConfigDict(env_prefix="INSTAR_", env_nested_delimiter="__", frozen=True, extra="ignore")

    data_dir: Path = Path(".data")
    """Where everything that is not given a place of its own is kept; made if absent, private to the user."""

    database_url: str = ""
    """SQLAlchemy URL of the store; empty: an SQLite file in `data_dir`."""

    seal_key_file: Path | None = None
    """Keys that seal secrets, one a line, the first one seals; None: `seal.keys` in `data_dir`, made at first use."""

    fleet_file: Path | None = None
    """The simulated fleet; None: `fleet.sqlite` in `data_dir`."""

    compute: Compute = Compute.SIMULATED
    """What runs the machines; `libvirt` needs the extra of that name."""

    libvirt: dict[str, Any] = Field(default_factory=dict)
    """The hypervisor, as `INSTAR_LIBVIRT__URI=qemu:///system`; its fields are `instar.compute.libvirt.settings`."""

    public_url: str = ""
    """What clients reach the API under, for URLs in answers; empty: what the request itself says."""

    audit_kept: timedelta = timedelta(days=400)
    """How long the audit log keeps an entry; zero: for ever."""

    delays: Delays = Field(default_factory=Delays)

    sweep: timedelta = timedelta(minutes=1)
    """How often the API looks for sets whose workflow is gone and for operations that were lost; younger ones are left
    to the request that has just made them. From one second to one day."""

    worker_probes: str = ""
    """`HOST:PORT` where a worker answers `/healthz` and `/readyz`; empty: nowhere. Each worker needs its own."""

    oidc: OidcSettings = OidcSettings()

    tls: TlsSettings = TlsSettings()

    probes: ProbesSettings = ProbesSettings()

    @field_validator("audit_kept", "sweep", mode="before")
    @classmethod
    def _seconds_as_text(cls, given: Any) -> Any:
        return seconds_as_text(given)

    @field_validator("audit_kept")
    @classmethod
    def _not_ahead(cls, kept: timedelta) -> timedelta:
        if not timedelta() <= kept <= timedelta(days=36_500):
            raise ValueError("the audit log is kept for up to 36500 days, or 0: for ever")
        return kept

    @field_validator("sweep")
    @classmethod
    def _within_a_day(cls, sweep: timedelta) -> timedelta:
        if not timedelta(seconds=1) <= sweep <= timedelta(days=1):
            raise ValueError("a sweep every second at most, and once a day at the least")
        return sweep

    @field_validator("worker_probes")
    @classmethod
    def _an_address(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if address and not (host and port.isascii() and port.isdigit() and 0 < int(port) <= MOST_PORT):
            raise ValueError("a host and a port from 1 to 65535, as in 127.0.0.1:8081")
        return address

    @field_validator("data_dir", "seal_key_file", "fleet_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @property
    def store_url(self) -> str:
        """The URL that the store is opened with."""
        return self.database_url or f"sqlite:///{self.data_dir / 'store.sqlite'}"

    @property
    def keys(self) -> Path:
        """The file of sealing keys."""
        return self.seal_key_file or self.data_dir / "seal.keys"

    @property
    def fleet(self) -> Path:
        """The file of the simulated fleet."""
        return self.fleet_file or self.data_dir / "fleet.sqlite"

    @property
    def signing_key(self) -> Path:
        """The key of our own issuer."""
        return self.data_dir / "signing.key"

    @property
    def gates(self) -> Path:
        """Where processes of one host take turns at a real machine."""
        return self.data_dir / "gates"

    def make_data_dir(self) -> None:
        """Make the data directory, private to the user. Raises OSError where that is not allowed."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)


def first_problem(error: ValidationError) -> str:
    """What is wrong with the settings, as one sentence that names the variable and repeats no value."""
    one = error.errors(include_input=False, include_url=False)[0]
    name = "__".join(str(part) for part in one["loc"]).upper()
    return f"INSTAR_{name}: {one['msg'].removeprefix('Value error, ')}"
