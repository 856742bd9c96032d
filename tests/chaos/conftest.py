"""A database and a server for each test alone: each ends with a reckoning of all there is."""

import os
import secrets
from collections.abc import AsyncIterator

import pytest

from tests.chaos.load import Load, make_load, say
from tests.conftest import own_database
from tests.serving import new_http, serving


@pytest.fixture
async def load(servers: dict[str, str], redis_url: str) -> AsyncIterator[Load]:
    """CHAOS_SEED makes the clients choose the same again; what meets what is never the same."""
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbits(32))
    say(f"CHAOS_SEED={seed}")
    async with (
        own_database(servers) as database_url,
        serving(database_url, redis_url, settings={"DATABASE_POOL_SIZE": "20"}) as server,
        new_http(server) as http,
    ):
        yield await make_load(database_url, server, http, seed=seed)
        for fault in server.faults:
            say(fault)
