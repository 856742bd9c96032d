"""`customer-flow migrate`: settings, server and consent around one way up or down."""

import asyncio
import tempfile
from pathlib import Path

from app.consent import is_consented
from app.infra.embedded import connected, embedded_servers
from app.infra.losses import losses_of_downgrade
from app.infra.migrate import check_drift, downgrade, upgrade
from app.infra.settings import Settings

DONE, NOT_DONE = 0, 1


async def up(settings: Settings, revision: str) -> None:
    """Bring the tables up to a revision."""
    async with connected(settings) as known:
        await asyncio.to_thread(upgrade, known.owner_url, revision)


async def down(settings: Settings, revision: str, destroy: str | None) -> int:
    """Down to a revision, if whoever asks consents to what that destroys. The exit code."""
    async with connected(settings) as known:
        losses = await losses_of_downgrade(known.owner_url, revision)
        if not is_consented(losses, what=f"Going down to {revision}", said=destroy):
            return NOT_DONE
        await asyncio.to_thread(downgrade, known.owner_url, revision)
    return DONE


async def check(settings: Settings) -> None:
    """Raises SchemaDrift. Without an address it is a new database, which goes afterwards."""
    if settings.database_url is not None:
        await asyncio.to_thread(check_drift, settings.owner_url)
        return
    with tempfile.TemporaryDirectory(prefix="customer-flow-") as place:
        fresh = settings.model_copy(update={"data_dir": Path(place)})
        async with embedded_servers(fresh, durable=False) as addresses:
            await asyncio.to_thread(upgrade, addresses.owner_url)
            await asyncio.to_thread(check_drift, addresses.owner_url)
