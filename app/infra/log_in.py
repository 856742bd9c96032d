"""Whether the programs log in to PostgreSQL with more rights than they need.

Their pools act as roles that may append and read. Whoever finds a way to send SQL of their own is
back at what the log-in itself may do with `RESET ROLE`: that must not be more.
"""

import asyncpg
import structlog
from sqlalchemy import text

from app.infra.database import Database, Statement

EXCESS = Statement(
    text("""
    SELECT log_in.rolsuper AS is_superuser,
        EXISTS (
            SELECT FROM pg_class
            WHERE relnamespace = CAST('public' AS regnamespace) AND relkind IN ('r', 'p')
                AND pg_has_role(session_user, relowner, 'MEMBER')
        ) AS is_owner
    FROM pg_roles AS log_in
    WHERE log_in.rolname = session_user
    """)
)
log = structlog.get_logger(__name__)

REMEDY = "log in as one that is only a member of the application's roles: docs/operating.md, Roles"


async def excess_of(database: Database) -> str | None:
    """What is wrong with either log-in, and what to do; None when they may do what they need.

    The database is open.
    """
    found: asyncpg.Record | None
    for pool in (database.write_pool, database.read_pool):
        found = await pool.fetchrow(EXCESS.sql)
        if found is None:
            continue
        if found["is_superuser"]:
            return f"the log-in is a superuser, whom nothing stops; {REMEDY}"
        if found["is_owner"]:
            return f"the log-in owns the tables, and may change what was posted; {REMEDY}"
    return None


async def warn_of_excess(database: Database) -> None:
    """Say it once, at the start: who runs it must hear, and nobody has to stop for it."""
    if (excess := await excess_of(database)) is not None:
        log.warning("more rights than are needed", reason=excess)
