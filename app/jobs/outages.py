"""What PostgreSQL being away looks like to those who can only wait and try again."""

import asyncpg

OUTAGES = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What the driver says of a connection whose end it has read of but not yet noticed.
    asyncpg.InternalClientError,
)
