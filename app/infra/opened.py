"""The database of a command that does its work and ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.infra.database import Database
from app.infra.embedded import connected
from app.infra.migrate import require_head
from app.infra.patience import WORKING
from app.infra.settings import Settings


@asynccontextmanager
async def opened_database(settings: Settings, *, pool_size: int = 10) -> AsyncIterator[Database]:
    """Open, and at this version, for the length of the block. Raises NotReady."""
    async with connected(settings) as known:
        url = known.database_url or ""
        await require_head(url)
        database = Database(
            url,
            read_url=known.database_read_url,
            pool_size=pool_size,
            time_zone=known.company_time_zone,
            patience=WORKING,
        )
        await database.open()
        try:
            yield database
        finally:
            await database.close()
