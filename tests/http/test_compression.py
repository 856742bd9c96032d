"""Who asks for gzip gets it, where it is worth it; who does not, does not."""

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from graphql import get_introspection_query

from app.http.compression import ASIDE_BYTES, MIN_BYTES, accepts_gzip
from app.policies.roles import Role
from tests.http.calling import Client
from tests.http.test_ide import BROWSER

LONG = get_introspection_query()
SHORT = "{ viewer { roles } }"


async def asked(client: Client, query: str, accept_encoding: str | None) -> httpx.Response:
    headers = {**client.headers, "accept-encoding": accept_encoding or ""}
    return await client.http.post("/graphql", json={"query": query}, headers=headers)


@pytest.fixture
async def administrator(
    http: httpx.AsyncClient, token_for: Callable[..., Awaitable[str]]
) -> Client:
    return Client(http, await token_for(Role.ADMIN))


@pytest.mark.parametrize(
    ("accept_encoding", "is_asked_for"),
    [
        ("gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, GZIP;q=0.5, *;q=0.1", True),
        ("x-gzip", True),
        ("*", True),
        ("identity;q=0.5, *;q=0", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=none", False),
        ("br", False),
        ("gzipped", False),
        ("", False),
        ("gzip," + "x," * 4000, False),
    ],
)
async def test_it_is_what_the_header_asks_for(
    administrator: Client, accept_encoding: str, is_asked_for: bool
) -> None:
    answer = await asked(administrator, LONG, accept_encoding)

    assert accepts_gzip(accept_encoding.encode()) is is_asked_for
    assert (answer.headers.get("content-encoding") == "gzip") is is_asked_for
    assert answer.json()["data"]["__schema"]["types"]


async def test_without_the_header_nothing_is(administrator: Client) -> None:
    answer = await asked(administrator, LONG, None)

    assert "content-encoding" not in answer.headers
    assert len(answer.content) > ASIDE_BYTES


async def test_the_answer_is_the_same_and_shorter(administrator: Client) -> None:
    plain = await asked(administrator, LONG, None)
    packed = await asked(administrator, LONG, "gzip")

    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 4
    assert packed.headers["vary"] == "accept-encoding"
    assert packed.headers["content-type"] == plain.headers["content-type"]


@pytest.mark.parametrize("is_refused", [False, True], ids=["data", "errors"])
async def test_what_is_short_stays_as_it_is(administrator: Client, is_refused: bool) -> None:
    answer = await asked(administrator, "{ nothing }" if is_refused else SHORT, "gzip")

    assert len(answer.content) < MIN_BYTES
    assert "content-encoding" not in answer.headers


async def test_a_long_refusal_is_compressed_too(administrator: Client) -> None:
    fields = " ".join("abcdefghijklmnopqrst")
    answer = await asked(administrator, f"{{ {fields} }}", "gzip")

    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["errors"]) == 20


async def test_the_page_its_files_and_the_metrics_are(http: httpx.AsyncClient) -> None:
    page = await http.get("/", headers={"accept": BROWSER, "accept-encoding": "gzip"})
    files = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)

    assert page.headers["content-encoding"] == "gzip"
    assert page.headers["vary"] == "Accept, Accept-Encoding"
    for address in (*files, "/metrics"):
        plain = await http.get(address, headers={"accept-encoding": "identity"})
        packed = await http.get(address, headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        if address != "/metrics":
            assert packed.content == plain.content
            assert packed.headers["vary"] == "Accept-Encoding"
            whole = int(plain.headers["content-length"])
            assert int(packed.headers["content-length"]) <= whole
