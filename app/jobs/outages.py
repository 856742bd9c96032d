"""What PostgreSQL being away looks like to those who can only wait and try again."""

import asyncpg

from app.infra.admission import Overloaded
from app.infra.database import Interrupted

OUTAGES = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # What the driver says of a connection whose end it has read of but not yet noticed.
    asyncpg.InternalClientError,
    Interrupted,
    Overloaded,
)
