"""The store as a whole: one database, one sealer, and the parts that speak of one noun each."""

from typing import Any, Self

from sqlalchemy import CompoundSelect, bindparam, select, text, union_all, update

from instar.store.audit import Audit
from instar.store.credentials import Credentials
from instar.store.database.columns import folded
from instar.store.database.database import Database
from instar.store.database.sealing import SealerProtocol
from instar.store.database.tables import RESOURCES, SCALE_SETS, SECRETS
from instar.store.deployments import Deployments
from instar.store.errors import SealingError
from instar.store.hosts.members import Members
from instar.store.images import Images
from instar.store.looks.looks import Looks
from instar.store.looks.publications import Publications
from instar.store.operations import Operations
from instar.store.page.attempts import PageAttempts
from instar.store.page.links import PageLinks
from instar.store.page.sessions import PageSessions
from instar.store.resources import Resources
from instar.store.sets.clear_secrets import seal_clear_secrets
from instar.store.sets.fleet_marks import FleetMarks
from instar.store.sets.latest import LatestUpgrades
from instar.store.sets.listing import SetListing
from instar.store.sets.outbox import Outbox
from instar.store.sets.overviews import Overviews
from instar.store.sets.reconciliation import Reconciliations
from instar.store.sets.scale_sets import ScaleSets
from instar.store.sets.statuses import Statuses
from instar.store.sets.unannounced import Unannounced
from instar.store.steering.retentions import Retentions
from instar.store.steering.rings import Rings
from instar.store.steering.rollout_policies import RolloutPolicies
from instar.store.steering.turns import Turns
from instar.store.steering.wishes import WishStore
from instar.store.upgrades import Upgrades
from instar.store.waits import Waits
from instar.store.webhooks.deliveries import Deliveries
from instar.store.webhooks.places import Places
from instar.store.webhooks.webhooks import Webhooks


class Store:
    """What is written down, shared by every process of Instar.

    Every method of the store and of its parts is synchronous and short (a few milliseconds, at the most
    `database.BUSY_TIMEOUT` behind another writer) and may be called from any thread: from an event loop call it by
    `asyncio.to_thread`. Each is one transaction: all of it or nothing. Any of them raises `errors.Unavailable` when the
    database does not answer.
    """

    def __init__(self, database: Database, sealer: SealerProtocol) -> None:
        self.database = database
        self._sealer = sealer
        self.scale_sets = ScaleSets(database, sealer)
        self.set_listing = SetListing(database)
        self.images = Images(database)
        self.publications = Publications(database)
        self.operations = Operations(database)
        self.outbox = Outbox(database)
        self.waits = Waits(database)
        self.unannounced = Unannounced(database)
        self.upgrades = Upgrades(database)
        self.latest = LatestUpgrades(database)
        self.resources = Resources(database)
        self.deployments = Deployments(self.resources, sealer)
        self.statuses = Statuses(database)
        self.looks = Looks(database)
        self.wishes = WishStore(database)
        self.overviews = Overviews(database)
        self.fleet_marks = FleetMarks(database)
        self.reconciliations = Reconciliations(database, self.scale_sets)
        self.credentials = Credentials(database)
        self.audit = Audit(database)
        self.retentions = Retentions(database)
        self.turns = Turns(database)
        self.rings = Rings(database)
        self.webhooks = Webhooks(database, sealer)
        self.deliveries = Deliveries(database)
        self.places = Places(database, sealer)
        self.page_sessions = PageSessions(database, sealer)
        self.page_links = PageLinks(database, sealer)
        self.page_attempts = PageAttempts(sealer)
        self.rollout_policies = RolloutPolicies(database, self.places)
        self.members = Members(database)

    @classmethod
    def open(cls, url: str, sealer: SealerProtocol) -> Self:
        """Open the store at an SQLAlchemy URL (`sqlite:////path/file.db`, `postgresql://user@host/name`).

        Makes or upgrades the schema; any number of processes may do so at once. Raises errors.Unusable (bad URL, schema
        newer than this Instar) or errors.Unavailable.
        """
        return cls(Database.open(url), sealer)

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self.database.close()

    def ping(self) -> None:
        """Return when the database answers; raises errors.Unavailable when it does not."""
        with self.database.reading() as connection:
            connection.execute(text("SELECT 1"))

    def subscriptions(self) -> list[str]:
        """The subscriptions that hold something, each once, in the case of its first mention."""
        query = union_all(
            select(SCALE_SETS.c.subscription_key, SCALE_SETS.c.subscription_id),
            select(RESOURCES.c.subscription_key, RESOURCES.c.subscription_id),
        )
        return self._each_once(query)

    def resource_groups(self, subscription_id: str) -> list[str]:
        """The resource groups of a subscription that were made or hold something, likewise."""
        key = folded(subscription_id)
        query = union_all(
            select(RESOURCES.c.resource_group_key, RESOURCES.c.resource_group).where(
                RESOURCES.c.subscription_key == key
            ),
            select(SCALE_SETS.c.resource_group_key, SCALE_SETS.c.resource_group).where(
                SCALE_SETS.c.subscription_key == key
            ),
        )
        return self._each_once(query)

    def _each_once(self, query: CompoundSelect[Any]) -> list[str]:
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
        first: dict[str, str] = {}
        for row in rows:
            first.setdefault(row[0], row[1])
        return [first[key] for key in sorted(first)]

    def seal_clear_secrets(self) -> int:
        """Seal what an earlier Instar kept in the clear; how many secrets. Raises errors.SealingError."""
        return seal_clear_secrets(self.database, self._sealer)

    def reseal(self) -> int:
        """Seal every secret anew with the first key; how many. After it, none of them needs the other keys.

        Raises errors.SealingError, and then changes nothing, when no key opens one of them.
        """
        of_deployments, of_webhooks = self.deployments.rotated(), self.webhooks.rotated()
        of_places, of_sessions = self.places.rotated(), self.page_sessions.rotated()
        key = (SECRETS.c.unique_id, SECRETS.c.generation, SECRETS.c.place)
        with self.database.writing() as connection:
            rows = connection.execute(select(*key, SECRETS.c.token)).all()
            if rows:
                connection.execute(
                    update(SECRETS).where(*(column == bindparam(f"at_{column.name}") for column in key)),
                    [
                        {
                            "at_unique_id": row.unique_id,
                            "at_generation": row.generation,
                            "at_place": row.place,
                            "token": self._sealer.rotate(row.token),
                        }
                        for row in rows
                    ],
                )
        for resource_id, token in of_deployments.items():
            self.deployments.reseal(resource_id, token)
        for webhook_id, (old, token) in of_webhooks.items():
            self.webhooks.reseal(webhook_id, old, token)
        for place_id, (old, token) in of_places.items():
            self.places.reseal(place_id, old, token)
        for id_hash, (old, token) in of_sessions.items():
            self.page_sessions.reseal(id_hash, old, token)
        self.page_links.forget()  # they are good for minutes: a new one is sooner made than an old one sealed anew
        return len(rows) + len(of_deployments) + len(of_webhooks) + len(of_places) + len(of_sessions)

    def unopened(self, sealer: SealerProtocol) -> int:
        """How many of the sealed secrets that sealer does not open. Nothing is changed."""
        with self.database.reading() as connection:
            tokens = list(connection.scalars(select(SECRETS.c.token)))
        tokens += [*self.deployments.tokens(), *self.webhooks.tokens().values(), *self.places.tokens().values()]
        return sum(not _opens(sealer, token) for token in tokens)


def _opens(sealer: SealerProtocol, token: str) -> bool:
    try:
        sealer.open(token)
    except SealingError:
        return False
    return True
