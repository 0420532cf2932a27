"""How connections to PostgreSQL are looked after: what the server is told of each, and when one is asked for life."""

import time
from contextlib import closing
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

KEEPALIVE_SECONDS = 10
KEEPALIVES = 3
"""PostgreSQL asks a host that is silent so often, and ends its transactions if it never answers."""

IDLE_AT_MOST = timedelta(minutes=2)
"""How long a transaction may stand still, as that of a process that was stopped does, until it ends."""

CONNECTIONS_KEPT = 10
"""Of a process; ten more are opened while so much is asked at once."""

ASKED_AFTER = timedelta(seconds=1)
"""After so much rest a connection is asked whether it lives. What dies in use is an error like any other."""

_USED = "instar used at"


def look_after(engine: Engine) -> None:
    """Tell the server of each connection how to end it, and ask one whether it lives where it had nothing to do.

    At each use, as SQLAlchemy's own `pool_pre_ping` does, it would be one more way to the server for each transaction.
    """

    def given_back(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = time.monotonic()

    def taken(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        if time.monotonic() - record.info.get(_USED, time.monotonic()) < ASKED_AFTER.total_seconds():
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error  # the pool makes another one

    event.listen(engine, "connect", _prepare)
    event.listen(engine, "checkin", given_back)
    event.listen(engine, "checkout", taken)


def _prepare(connection: Any, _record: Any) -> None:
    # A host that loses its power says no good-bye: without these the server keeps its locks for hours, and every other
    # host waits for them.
    wanted = {
        "tcp_keepalives_idle": KEEPALIVE_SECONDS,
        "tcp_keepalives_interval": KEEPALIVE_SECONDS,
        "tcp_keepalives_count": KEEPALIVES,
        "idle_in_transaction_session_timeout": int(IDLE_AT_MOST.total_seconds() * 1000),
    }
    with closing(connection.cursor()) as cursor:
        settings = ", ".join(["set_config(%s, %s, false)"] * len(wanted))
        cursor.execute(f"SELECT {settings}", [str(word) for pair in wanted.items() for word in pair])  # ours
    connection.commit()
