"""Whom a caller's address is believed. `/metrics`, which is for this machine only, shows it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest

from app.http.metrics import Metrics
from app.http.scraping import listen, scraped
from tests.serving import free_port, new_http, serving

OUTSIDE = "203.0.113.7"
HERE = "127.0.0.1"
Process = Callable[[str, str, tuple[str, ...]], AbstractAsyncContextManager[httpx.AsyncClient]]


async def seen(http: httpx.AsyncClient, *forwarded: str) -> int:
    """The status of `/metrics` for a request that comes from this machine with these headers."""
    headers = [("x-forwarded-for", each) for each in forwarded]
    return (await http.get("/metrics", headers=headers)).status_code


@asynccontextmanager
async def of_the_server(
    database_url: str, redis_url: str, trusted: tuple[str, ...]
) -> AsyncIterator[httpx.AsyncClient]:
    settings = {"TRUSTED_PROXIES": ",".join(trusted), "FORWARDED_ALLOW_IPS": "*"}
    async with (
        serving(database_url, redis_url, settings=settings) as server,
        new_http(server) as http,
    ):
        yield http


@asynccontextmanager
async def of_a_worker(
    _database_url: str, _redis_url: str, trusted: tuple[str, ...]
) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    async with (
        scraped(Metrics(is_public=False), listen(HERE, port), trusted),
        httpx.AsyncClient(base_url=f"http://{HERE}:{port}", trust_env=False) as http,
    ):
        yield http


@pytest.mark.parametrize("process", [of_the_server, of_a_worker])
async def test_nobody_chooses_an_address(
    database_url: str, redis_url: str, process: Process
) -> None:
    async with process(database_url, redis_url, ()) as http:
        assert await seen(http) == await seen(http, OUTSIDE) == 200


@pytest.mark.parametrize("process", [of_the_server, of_a_worker])
async def test_a_trusted_proxy_is_believed(
    database_url: str, redis_url: str, process: Process
) -> None:
    async with process(database_url, redis_url, ("127.0.0.0/8", "10.0.0.0/8")) as http:
        assert await seen(http) == 200
        assert await seen(http, OUTSIDE) == 404
        assert await seen(http, f"{OUTSIDE}, 10.1.2.3") == 404
        # What a client sent itself stands before what the proxy adds.
        assert await seen(http, f"{HERE}, {OUTSIDE}") == await seen(http, HERE, OUTSIDE) == 404


async def test_a_proxy_that_nobody_named_is_not(database_url: str, redis_url: str) -> None:
    async with of_the_server(database_url, redis_url, ("10.0.0.0/8",)) as http:
        assert await seen(http, OUTSIDE) == 200
