"""Looks at whether the parts agree: settings, versions, clocks."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from importlib.metadata import version

from instar.compute.clock import utc_now
from instar.connection.remarks.names import unread
from instar.doctor import reach
from instar.doctor.place import NotLooked, Place
from instar.domain.checkup import agreeing
from instar.domain.checkup.findings import Finding
from instar.domain.hosts.agreement import HEARD_OF_WITHIN
from instar.store.database.database import revisions
from instar.store.hosts.members import Members

EXACT = {
    "the API": timedelta(seconds=2),
    "the database": timedelta(seconds=2),
    "Temporal (by its workers' polls)": timedelta(seconds=60),
}
"""How well each clock is known: by whole seconds and a question's way; by the last poll of a worker."""


def settings(place: Place) -> list[Finding]:
    """Those of this environment."""
    return agreeing.settings(place.wrong, unread(os.environ))


def versions(place: Place) -> list[Finding]:
    """What each part says that it is; who does not answer is another check's affair."""
    workers: set[str] = set()
    temporal = api = ""
    with suppress(NotLooked):
        api = reach.api_version(place)
    with suppress(NotLooked):
        temporal = place.temporal(reach.server_version)
        polling = place.temporal(reach.pollers)
        told = {reach.release_of(one) for several in polling.values() for one in several}
        workers = told - {""}
    facts = agreeing.VersionFacts(
        here=version("instar"),
        python=sys.version_info[:3],
        api=api,
        workers=tuple(sorted(workers)),
        temporal=temporal,
    )
    return agreeing.versions(facts)


def hosts(place: Place) -> list[Finding]:
    """What the processes of the store say of themselves there, as far as they are of this release."""
    with place.database() as database:
        if database.revision() != revisions()[0]:
            raise NotLooked("the store has another schema than this Instar: see the check store")
        now, listed = Members(database).all(utc_now)
    return agreeing.hosts([one.process for one in listed if now - one.seen_at < HEARD_OF_WITHIN])


def clocks(place: Place) -> list[Finding]:
    """How far each is ahead of that of this machine."""

    def asked(ask: Callable[[Place], timedelta | None]) -> timedelta | None:
        try:
            return ask(place)
        except NotLooked:
            return None

    asks = (reach.api_ahead, reach.database_ahead, reach.temporal_ahead)
    return agreeing.clocks({name: asked(ask) for name, ask in zip(EXACT, asks, strict=True)}, EXACT)
