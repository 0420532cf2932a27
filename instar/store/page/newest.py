"""Of a table of the page, a principal keeps only its newest rows, and nobody one that is over."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, select


def make_room(
    connection: Connection,
    table: Table,
    principal: str,
    *,
    newest_first: Sequence[ColumnElement[Any]],
    at_most: int,
    now: datetime,
) -> None:
    """Before a row of that principal is added: forget what is over, and its oldest ones that are too many then.

    The table has one column as its key, `principal` and `ends_at`.
    """
    [key] = table.primary_key.columns
    connection.execute(delete(table).where(table.c.ends_at <= now))
    others = connection.scalars(select(key).where(table.c.principal == principal).order_by(*newest_first))
    if gone := list(others)[at_most - 1 :]:
        connection.execute(delete(table).where(key.in_(gone)))
