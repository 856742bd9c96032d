"""Answers over a real socket: whole, in order, however large, several on one connection."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from tests.serving import Server, serving


@pytest.fixture(scope="module")
async def server(database_url: str, redis_url: str) -> AsyncIterator[Server]:
    async with serving(database_url, redis_url, settings={"BODY_LIMIT_BYTES": "5000"}) as running:
        yield running


async def exchange(server: Server, sent: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    parts = urlsplit(server.url)
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(sent)
        received = await reader.read()
        writer.close()
        return received


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "host: x", *headers, "", "")).encode()


async def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    ids = [f"number-{n}" for n in range(20)]
    requests = [get("/healthz", f"x-request-id: {each}") for each in ids[:-1]]
    requests.append(get("/healthz", f"x-request-id: {ids[-1]}", "connection: close"))

    received = await exchange(server, b"".join(requests))

    assert received.count(b"HTTP/1.1 200 OK") == received.count(b'{"status":"ok"}') == len(ids)
    places = [received.index(f"x-request-id: {each}\r\n".encode()) for each in ids]
    assert places == sorted(places)


async def test_a_large_answer_arrives_whole(server: Server) -> None:
    page = await exchange(server, get("/", "connection: close"))
    start = page.index(b"/ide/graphiql.min.")
    path = page[start : page.index(b'"', start)].decode()

    head, _, body = (await exchange(server, get(path, "connection: close"))).partition(b"\r\n\r\n")

    assert f"content-length: {len(body)}".encode() in head
    assert len(body) > 100_000


async def test_an_answer_before_the_end_of_the_body_arrives_whole(server: Server) -> None:
    head = (
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        "content-length: 5001\r\nconnection: close\r\n\r\n"
    )

    received = await exchange(server, head.encode() + b"[" * 5001)

    assert received.startswith(b"HTTP/1.1 401")
    assert received.endswith(b"}]}")


async def test_what_is_no_http_is_400(server: Server) -> None:
    received = await exchange(server, b"NOT HTTP\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 400")
