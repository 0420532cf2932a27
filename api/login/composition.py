"""Access control of a process, put together from its settings."""

from dataclasses import replace

from api.access.guard import OPEN, Access
from api.access.outside_issuer import OutsideIssuer
from api.access.outside_login import OutsideLogin
from api.access.own_issuer import OwnIssuer
from api.access.refusals import Refusals
from api.access.signing_keys import SigningKey
from api.login.issuer_routes import OPEN_PATHS
from instar.compute.clock import Clock
from instar.connection.setting_groups import PageSettings
from instar.connection.settings import Settings
from instar.store.store import Store


def access_from(settings: Settings, store: Store, clock: Clock) -> Access:
    """Who is believed: our own issuer, unless it is turned off, and the outside one that is named.

    Raises SigningKeyError.
    """
    refusals = Refusals(settings.refusals_per_minute)
    access = Access(store, clock, public_url=settings.public_url.rstrip("/"), refusals=refusals)
    if settings.oidc.own_issuer:
        own = OwnIssuer(SigningKey.from_file(settings.signing_key), store, clock)
        access = replace(access, own=own, open_paths=OPEN | OPEN_PATHS)
    if settings.oidc.issuer:
        outside = OutsideIssuer(settings.oidc.issuer, settings.oidc.audience, clock)
        access = replace(access, outside=outside)
        if settings.page.client_id:
            access = replace(access, outside_login=outside_login(settings.page, outside))
    return access


def outside_login(page: PageSettings, issuer: OutsideIssuer) -> OutsideLogin:
    """How people log in to the page there."""
    return OutsideLogin(issuer, page.client_id, page.client_secret.get_secret_value(), page.scopes)
