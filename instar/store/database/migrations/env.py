"""What Alembic runs: the steps, inside the transaction of whoever opens the store, without setting up logging."""

from alembic import context

from instar.store.database.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
)
context.run_migrations()
