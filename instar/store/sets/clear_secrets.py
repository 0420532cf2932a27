"""Secrets that stand in the clear in models of an earlier Instar, which did not know them as secrets: sealed (F5)."""

from sqlalchemy import Text, cast, insert, or_, select, update

from instar.store.database.columns import written
from instar.store.database.database import Database
from instar.store.database.sealing import SealerProtocol
from instar.store.database.secret_places import SECRET_BELOW, take_out
from instar.store.database.tables import MODELS, SECRETS


def seal_clear_secrets(database: Database, sealer: SealerProtocol) -> int:
    """Take such secrets out of every model, of every generation, and seal them; how many. Idempotent.

    What machines see of a model stays the same, so no set is upgraded for it. Raises errors.SealingError.
    """
    members = {above for above, _ in SECRET_BELOW}
    suspects = or_(*(cast(MODELS.c.document, Text).icontains(member, autoescape=True) for member in members))
    sealed = 0
    with database.writing() as connection:
        for row in connection.execute(select(MODELS).where(suspects)).all():
            clean, secrets = take_out(row.document)
            if not secrets:
                continue
            generation = {"unique_id": row.unique_id, "generation": row.generation}
            tokens = {place: sealer.seal(written(value)) for place, value in secrets.items() if value is not None}
            connection.execute(
                update(MODELS)
                .where(MODELS.c.unique_id == row.unique_id, MODELS.c.generation == row.generation)
                .values(document=clean)
            )
            for place, token in tokens.items():
                connection.execute(insert(SECRETS).values(**generation, place=place, token=token))
            sealed += len(tokens)
    return sealed
