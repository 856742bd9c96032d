"""A database and a server for each test alone: each ends with a reckoning of all there is."""

import os
import secrets
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.chaos.load import Load, make_load, say
from tests.conftest import administer, drop_database, url_of
from tests.serving import new_http, serving


@pytest.fixture
async def load(servers: dict[str, str], redis_url: str) -> AsyncIterator[Load]:
    """CHAOS_SEED makes the clients choose the same again; what meets what is never the same."""
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbits(32))
    say(f"CHAOS_SEED={seed}")
    name = f"chaos_{uuid4().hex[:12]}"
    server_url = servers["database_url"]
    await administer(server_url, f"CREATE DATABASE {name} TEMPLATE {servers['template']}")
    database_url = url_of(server_url, name)
    try:
        async with (
            serving(database_url, redis_url, settings={"DATABASE_POOL_SIZE": "20"}) as server,
            new_http(server) as http,
        ):
            yield await make_load(database_url, server, http, seed=seed)
            for fault in server.faults:
                say(fault)
    finally:
        await drop_database(server_url, name)
