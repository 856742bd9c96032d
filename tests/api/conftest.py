"""A server of its own for each module, on the module's database."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.serving import Server, new_http, serving


@pytest.fixture(scope="module")
async def server(database_url: str, redis_url: str) -> AsyncIterator[Server]:
    async with serving(database_url, redis_url) as running:
        yield running


@pytest.fixture(scope="module")
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with new_http(server) as client:
        yield client
