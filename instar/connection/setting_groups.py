"""Settings that belong together, as nested ones: whose tokens are good, TLS, where probes and templates' links go."""

import json
import re
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from instar.compute.probing.reach import Network, networks_of
from instar.connection.links.origins import Origin
from instar.domain.delays import seconds_as_text
from instar.outbound.allowed import Allowed


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


class PageSettings(BaseModel):
    """Logging in to the page (`INSTAR_PAGE__SESSION` and so on); the outside issuer is the one of `INSTAR_OIDC__…`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session: timedelta = timedelta(hours=8)
    """How long a session lasts; from five minutes to 30 days."""

    client_id: str = ""
    """Of the page at the outside issuer (authorization code with PKCE); empty: nobody logs in to the page there."""

    client_secret: SecretStr = SecretStr("")
    """Of that client, where it has one; empty: it is a public client."""

    scopes: str = "openid profile"
    """What is asked for there, between blanks; `openid` is among them."""

    @field_validator("session", mode="before")
    @classmethod
    def _seconds_as_text(cls, given: Any) -> Any:
        return seconds_as_text(given)

    @field_validator("session")
    @classmethod
    def _sensible(cls, given: timedelta) -> timedelta:
        if not timedelta(minutes=5) <= given <= timedelta(days=30):
            raise ValueError("a session of the page lasts from five minutes to 30 days")
        return given

    @field_validator("scopes")
    @classmethod
    def _with_openid(cls, given: str) -> str:
        listed = given.split()
        if "openid" not in listed or not all(_SCOPE.fullmatch(one) for one in listed):
            raise ValueError('scopes are listed as "openid profile offline_access", and openid is one of them')
        return " ".join(listed)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.client_secret.get_secret_value() and not self.client_id:
            raise ValueError("a client secret goes with a client id: set both, or none")
        return self


_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749, 3.3."""


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
        found = networks_in(given)
        if found == ():
            raise ValueError("an empty list allows no probe: name a network, or leave the setting out")
        return found


class TemplateLinksSettings(BaseModel):
    """Where linked templates may be fetched from (`INSTAR_TEMPLATE_LINKS__HOSTS` and so on)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hosts: Annotated[tuple[Origin, ...], NoDecode] = ()
    """Host names, by commas or as a JSON list, each with a port and a path if need be; empty: nothing is fetched."""

    networks: Annotated[tuple[Network, ...], NoDecode] = ()
    """Networks of addresses that are not public, in CIDR notation, where those hosts may be; empty: none."""

    ca_file: Path | None = None
    """PEM with authorities that may sign those hosts' certificates, besides the usual ones; None: those alone."""

    @field_validator("hosts", mode="before")
    @classmethod
    def _origins(cls, given: Any) -> Any:
        listed = _list_of(given) if isinstance(given, str) else given
        if listed is None:
            return ()
        if not isinstance(listed, list | tuple) or not all(isinstance(one, str | Origin) for one in listed):
            raise ValueError("hosts are listed as files.example.com,raw.githubusercontent.com/team/ or as a JSON list")
        return tuple(_origin(number, one) for number, one in enumerate(listed, start=1))

    @field_validator("networks", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        return networks_in(given) or ()

    @field_validator("ca_file", mode="before")
    @classmethod
    def _named(cls, path: Any) -> Any:
        return path or None


def _origin(number: int, given: str | Origin) -> Origin:
    try:
        return given if isinstance(given, Origin) else Origin.parsed(given)
    except ValueError as error:
        raise ValueError(f"entry {number} {error}") from None


class HooksSettings(BaseModel):
    """Calls to other people's systems (`INSTAR_HOOKS__ALLOW`, `INSTAR_HOOKS__CA_FILE`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    allow: Annotated[Allowed, NoDecode] = Allowed()
    """Hosts, addresses and networks, comma-separated or as a JSON list: what may be called without TLS, and which
    special addresses may be called at all."""

    ca_file: Path | None = None
    """PEM: authorities that are trusted besides the usual ones."""

    temporal_page: str = ""
    """Where Temporal's page is, for links in what is told; empty: no such link."""

    @field_validator("allow", mode="before")
    @classmethod
    def _exceptions(cls, given: Any) -> Any:
        if isinstance(given, Allowed):
            return given
        if isinstance(given, str):
            given = _list_of(given) or ()
        if not isinstance(given, list | tuple) or not all(isinstance(one, str) for one in given):
            raise ValueError('they are listed as prometheus.lan,127.0.0.1 or ["prometheus.lan", "127.0.0.1"]')
        return Allowed.of(given)

    @field_validator("ca_file")
    @classmethod
    def _a_file(cls, path: Path | None) -> Path | None:
        if path is None:
            return None
        try:
            ssl.create_default_context(cafile=path)
        except (OSError, ValueError):
            raise ValueError("must be a file of certificates in PEM that can be read") from None
        return path.absolute()

    @field_validator("temporal_page")
    @classmethod
    def _a_page(cls, url: str) -> str:
        if url and not is_web_url(url):
            raise ValueError("must be a URL, as in https://temporal.example.com")
        return url.rstrip("/")


def is_web_url(url: str) -> bool:
    """Whether it is a URL of a web server."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def networks_in(given: Any) -> Any:
    """Networks as a setting has them: between commas, as a JSON list, or parsed. None or "" stay None.

    Raises ValueError with a sentence that repeats nothing of what was given.
    """
    if isinstance(given, str):
        given = _list_of(given)
    if given is None:
        return None
    if not isinstance(given, list | tuple) or not all(isinstance(network, str | Network) for network in given):
        raise ValueError('networks are listed as 10.20.0.0/16,fd12:3456::/64 or ["10.20.0.0/16", "fd12:3456::/64"]')
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
