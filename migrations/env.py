"""Alembic's environment: how a migration runs, whoever asks for it.

The address comes from the caller (`app/infra/migrate.py`) as the config's `sqlalchemy.url`. Each
migration runs in its own transaction with a lock and a statement timeout, so that it can never hold
up a running system for long: it fails and is run again.
"""

import asyncio

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.models import metadata

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "10min"
# Two programs that migrate at once: the second waits here and then finds nothing left to do.
MIGRATION_LOCK = 7_220_001
# What Core has no word for: written by hand in a migration, left alone by the drift check.
ONLY_IN_MIGRATIONS = {"uq_accounting_periods_type_during"}


def known_to_models(_object: object, name: str | None, *_: object) -> bool:
    """Whether the drift check may compare this object with the models."""
    return name not in ONLY_IN_MIGRATIONS


def run(connection: Connection) -> None:
    """Run the migrations that Alembic selected, on an open connection."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
        include_object=known_to_models,
    )
    connection.execute(text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})"))
        connection.commit()


def write() -> None:
    """The statements of the migrations that Alembic selected, written down and not run."""
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


async def run_on_own_engine() -> None:
    """Connect, migrate, disconnect."""
    url = context.config.get_main_option("sqlalchemy.url")
    if url is None:
        raise RuntimeError(
            "sqlalchemy.url is not set: run migrations through `customer-flow migrate`"
        )
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


supplied: Connection | None = context.config.attributes.get("connection")
if context.is_offline_mode():
    write()
elif supplied is not None:
    run(supplied)
else:
    asyncio.run(run_on_own_engine())
