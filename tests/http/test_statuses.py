"""Which status and media type a request is answered with."""

import orjson
import pytest

from app.http.media_types import MAX_HEADER_BYTES
from tests.http.calling import MODERN, Client

LEGACY = "application/json"
FINE = "{ viewer { roles } }"
INVALID = {
    "no GraphQL": "{ viewer {",
    "unknown field": "{ nothing }",
    "bad argument": "{ customers(first: 0) { nodes { code } } }",
    "bad cursor": '{ customers(after: "zzz") { nodes { code } } }',
    "bad literal": '{ customers(first: "one") { totalCount } }',
    "missing variable": "query ($n: Int!) { customers(first: $n) { totalCount } }",
}


@pytest.mark.parametrize("document", INVALID.values(), ids=INVALID.keys())
async def test_what_cannot_be_answered_is_400_and_200_for_old_clients(
    accountant: Client, document: str
) -> None:
    modern = await accountant.ask(document)
    legacy = await accountant.ask(document, accept=LEGACY)

    assert modern.status_code == 400
    assert modern.headers["content-type"] == f"{MODERN}; charset=utf-8"
    assert legacy.status_code == 200
    assert legacy.headers["content-type"] == f"{LEGACY}; charset=utf-8"
    assert modern.json() == legacy.json()
    assert set(modern.json()) == {"errors"}
    assert [each["extensions"]["code"] for each in modern.json()["errors"]] == ["VALIDATION"]


@pytest.mark.parametrize("document", [FINE, "{ customers { totalCount } }", "{ __typename }"])
@pytest.mark.parametrize("media_type", [MODERN, LEGACY])
async def test_an_answer_is_200(accountant: Client, document: str, media_type: str) -> None:
    answer = await accountant.ask(document, accept=media_type)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert set(answer.json()) == {"data"}


async def test_a_document_that_is_forbidden_is_403(accountant: Client) -> None:
    answer = await accountant.ask("{ users { nodes { name } } }")

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "data" not in answer.json()


async def test_partial_data_is_200_with_the_error_beside_it(accountant: Client) -> None:
    answer = await accountant.ask("{ viewer { roles } customer { code } }")

    assert answer.status_code == 200
    assert answer.json()["data"] == {"viewer": {"roles": ["ACCOUNTANT"]}, "customer": None}
    assert answer.json()["errors"][0]["path"] == ["customer"]
    assert answer.json()["errors"][0]["extensions"]["code"] == "VALIDATION"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", LEGACY),
        ("application/*", LEGACY),
        (f"{LEGACY}, {MODERN}", MODERN),
        (f"{LEGACY};q=0.9, {MODERN};q=0.5", LEGACY),
        (f"{MODERN}; charset=utf-8", MODERN),
        ("text/plain, */*;q=0.1", LEGACY),
    ],
)
async def test_the_media_type_is_negotiated(
    accountant: Client, accept: str, media_type: str
) -> None:
    answer = await accountant.ask(FINE, accept=accept)

    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"


@pytest.mark.parametrize("accept", ["text/plain", "image/png", f"{LEGACY};q=0"])
async def test_nothing_but_json_is_offered(accountant: Client, accept: str) -> None:
    answer = await accountant.ask(FINE, accept=accept)

    assert answer.status_code == 406
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"


async def test_a_long_header_names_no_media_type(accountant: Client) -> None:
    """Whatever it says: what is worked out of a header is remembered."""
    within = LEGACY.ljust(MAX_HEADER_BYTES, ";")
    query = orjson.dumps({"query": FINE})

    assert (await accountant.send(query, accept=within)).status_code == 200
    assert (await accountant.send(query, accept=within + ";")).status_code == 406
    assert (await accountant.send(query, content_type=within)).status_code == 200
    assert (await accountant.send(query, content_type=within + ";")).status_code == 415
    page = await accountant.http.get("/graphql", headers={"accept": "text/html".ljust(1025, ";")})
    assert page.status_code == 406


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_other_methods_are_405(accountant: Client, method: str) -> None:
    answer = await accountant.http.request(method, "/graphql", headers=accountant.headers)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"


async def test_get_answers_queries(accountant: Client) -> None:
    answer = await accountant.get(
        query="query Page($n: Int!) { customers(first: $n) { totalCount } }",
        variables='{"n": 5}',
        operationName="Page",
    )

    assert answer.status_code == 200
    assert answer.json() == {"data": {"customers": {"totalCount": 0}}}


async def test_get_changes_nothing(accountant: Client) -> None:
    answer = await accountant.get(
        query='mutation { refreshToken(input: {refreshToken: "x"}) { accessToken } }'
    )

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"


async def test_one_operation_of_several_is_named(accountant: Client) -> None:
    document = "query A { a: __typename } query B { b: __typename }"

    unnamed = await accountant.get(query=document)
    named = await accountant.get(query=document, operationName="B")
    unknown = await accountant.get(query=document, operationName="C")

    assert (unnamed.status_code, named.status_code, unknown.status_code) == (400, 200, 400)
    assert named.json() == {"data": {"b": "Query"}}


async def test_answers_are_kept_by_nobody_and_framed_nowhere(accountant: Client) -> None:
    answer = await accountant.ask(FINE)

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
