"""Settings of every Instar process, from environment variables `INSTAR_…`; names, defaults and units in one place (T6).

How to reach Temporal is not here: the SDK's own `TEMPORAL_…` variables and profiles say that
(`instar.connection.client`).
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from instar.compute.probing.reach import Network
from instar.connection.quotas import QuotaSettings
from instar.connection.setting_groups import (
    HooksSettings,
    OidcSettings,
    PageSettings,
    ProbesSettings,
    TemplateLinksSettings,
    TlsSettings,
    is_web_url,
    networks_in,
)
from instar.connection.telemetry.settings import LogSettings, MetricsSettings, TracesSettings, listened_at
from instar.domain.delays import Delays, seconds_as_text
from instar.serving.limits import ConnectionSettings

PAGE_AT_MOST = 10_000
"""Items of a page of a list, whoever asks for them."""


HOST_AT_MOST = 100
"""Characters of a host's name."""


class Compute(StrEnum):
    """What runs the machines."""

    SIMULATED = "simulated"
    LIBVIRT = "libvirt"


class UnusedResources(StrEnum):
    """What becomes of resources of templates that Instar has no use for."""

    KEEP = "keep"
    REFUSE = "refuse"


class _Environment(EnvSettingsSource):
    """The environment, where a group that is no JSON is a wrong value like any other."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


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

    host: str = ""
    """What this host is called where processes are listed; empty: its host name. In a container that says little."""

    boot_id: str = ""
    """Of the running kernel, where a process may not look itself; empty: it looks (`instar.hosts.identity`)."""

    public_url: str = ""
    """What clients reach the API under, for URLs in answers; empty: what the request itself says."""

    audit_kept: timedelta = timedelta(days=400)
    """How long the audit log keeps an entry; zero: for ever."""

    audit_entries: int = Field(default=1_000_000, ge=1_000, le=1_000_000_000)
    """How many entries the audit log has at most: of more, refusals go first, then the oldest."""

    operations_kept: timedelta = timedelta(days=30)
    """How long an operation that has ended can be asked for; zero: for ever. From one day."""

    refusals_per_minute: int = Field(default=120, ge=1, le=1_000_000)
    """Refusals and failed log-ins of one principal or address that are answered in a minute; then 429."""

    page_items: int = Field(default=500, ge=1, le=PAGE_AT_MOST)
    """Items of a page of a list where `$top` does not say: few enough to be made between two other requests."""

    temporal_retention: timedelta = timedelta(days=400)
    """How long the Temporal server of `instar up` keeps a workflow that has ended: as long as the audit log keeps its
    entries, by default. From one day to 36500 days."""

    delays: Delays = Field(default_factory=Delays)

    sweep: timedelta = timedelta(minutes=1)
    """How often the API looks for sets whose workflow is gone and for operations that were lost; younger ones are left
    to the request that has just made them. From one second to one day."""

    worker_probes: str = ""
    """`HOST:PORT` where a worker answers `/healthz` and `/readyz`; empty: nowhere. Each worker needs its own."""

    oidc: OidcSettings = OidcSettings()

    page: PageSettings = PageSettings()

    tls: TlsSettings = TlsSettings()

    connections: ConnectionSettings = ConnectionSettings()

    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    """Addresses and networks, by commas, whose X-Forwarded-For, -Proto and -Host are believed; empty: none."""

    quotas: QuotaSettings = QuotaSettings()

    unused_resources: UnusedResources = UnusedResources.KEEP
    """Resources of templates that Instar has no use for: `keep` them and warn, or `refuse` the template."""

    probes: ProbesSettings = ProbesSettings()

    template_links: TemplateLinksSettings = TemplateLinksSettings()

    hooks: HooksSettings = HooksSettings()

    metrics: MetricsSettings = MetricsSettings()

    log: LogSettings = LogSettings()

    traces: TracesSettings = TracesSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in code, then the environment."""
        return init_settings, _Environment(settings_cls)

    @model_validator(mode="after")
    def _of_an_issuer(self) -> Self:
        if self.page.client_id and not self.oidc.issuer:
            raise ValueError("INSTAR_PAGE__CLIENT_ID is of an outside issuer: name it (INSTAR_OIDC__ISSUER)")
        return self

    @field_validator("audit_kept", "operations_kept", "sweep", "temporal_retention", mode="before")
    @classmethod
    def _seconds_as_text(cls, given: Any) -> Any:
        return seconds_as_text(given)

    @field_validator("temporal_retention")
    @classmethod
    def _kept_for_days(cls, kept: timedelta) -> timedelta:
        if not timedelta(days=1) <= kept <= timedelta(days=36_500):
            raise ValueError("Temporal keeps what has ended for 1 to 36500 days")
        return kept

    @field_validator("audit_kept")
    @classmethod
    def _not_ahead(cls, kept: timedelta) -> timedelta:
        if not timedelta() <= kept <= timedelta(days=36_500):
            raise ValueError("the audit log is kept for up to 36500 days, or 0: for ever")
        return kept

    @field_validator("operations_kept")
    @classmethod
    def _until_they_were_asked_for(cls, kept: timedelta) -> timedelta:
        if kept and not timedelta(days=1) <= kept <= timedelta(days=36_500):
            raise ValueError("operations that have ended are kept for 1 to 36500 days, or 0: for ever")
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
        return listened_at(address)

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, given: Any) -> Any:
        return networks_in(given) or ()

    @field_validator("data_dir", "seal_key_file", "fleet_file", mode="before")
    @classmethod
    def _named(cls, path: Any) -> Any:
        if path == "":
            raise ValueError("must be a path; leave it out for what is so by default")
        return path

    @field_validator("data_dir", "seal_key_file", "fleet_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        try:
            return path.expanduser().absolute() if path else None
        except RuntimeError:
            raise ValueError("must be a path, and ~ at its beginning the home of a user that there is") from None

    @field_validator("host")
    @classmethod
    def _a_name(cls, host: str) -> str:
        if host and not (host.isprintable() and host.strip() == host and len(host) <= HOST_AT_MOST):
            raise ValueError(f"must be a name of at most {HOST_AT_MOST} printable characters")
        return host

    @field_validator("public_url")
    @classmethod
    def _a_url(cls, url: str) -> str:
        if url and not is_web_url(url):
            raise ValueError("must be a URL, as in https://instar.example.com")
        return url

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
