"""What a request may look like: size, type, shape, depth and characters."""

import httpx
import orjson
import pytest

from app.http.parameters import MAX_DEPTH
from tests.http.calling import Client, SomeSettings, served

LIMIT = 2_000
QUERY = b'{"query": "{ viewer { roles } }"}'


def code_and_path(answer: httpx.Response) -> tuple[int, str, list[str | int] | None]:
    assert set(answer.json()) == {"errors"}
    (error,) = answer.json()["errors"]
    return answer.status_code, error["extensions"]["code"], error.get("path")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", None),
        (b"{", None),
        (b'"text"', None),
        (b"3", None),
        (b"null", None),
        (b"[]", None),
        (b'[{"query": "{ viewer { roles } }"}]', None),
        (b"\xff\xfe", None),
        (b'{"query": "\xc3\x28"}', None),
        (b'{"query": "\\ud800"}', None),
        (b'{"query": NaN}', None),
        (b"{}", ["query"]),
        (b'{"query": null}', ["query"]),
        (b'{"query": ""}', ["query"]),
        (b'{"query": 1}', ["query"]),
        (b'{"query": ["{ viewer { roles } }"]}', ["query"]),
        (b'{"query": "{ a }", "variables": []}', ["variables"]),
        (b'{"query": "{ a }", "variables": "{}"}', ["variables"]),
        (b'{"query": "{ a }", "operationName": 1}', ["operationName"]),
        (b'{"query": "{ a }", "extensions": []}', ["extensions"]),
        (b'{"query": "{ a }", "extensions": true}', ["extensions"]),
    ],
)
async def test_what_is_no_request_is_400_for_every_client(
    accountant: Client, body: bytes, path: list[str] | None
) -> None:
    for accept in ("application/json", "application/graphql-response+json"):
        answer = await accountant.send(body, accept=accept)

        assert code_and_path(answer) == (400, "VALIDATION", path)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"query": "{ a\0 }"}, ["query"]),
        ({"query": "{ a }", "operationName": "a\0"}, ["operationName"]),
        ({"query": "{ a }", "variables": {"a": "\0"}}, ["variables", "a"]),
        (
            {"query": "{ a }", "variables": {"a": [{"b": ["x", "y\0"]}]}},
            ["variables", "a", 0, "b", 1],
        ),
        ({"query": "{ a }", "variables": {"a\0": 1}}, ["variables"]),
    ],
)
async def test_nul_is_refused_wherever_it_is(
    accountant: Client, given: dict[str, object], path: list[str | int]
) -> None:
    answer = await accountant.send(orjson.dumps(given))

    assert code_and_path(answer) == (400, "VALIDATION", path)


async def test_nul_in_an_address_is_refused_too(accountant: Client) -> None:
    in_query = await accountant.get(query="{ a\0 }")
    in_variables = await accountant.get(query="{ a }", variables='{"a": "\\u0000"}')

    assert code_and_path(in_query) == (400, "VALIDATION", ["query"])
    assert code_and_path(in_variables) == (400, "VALIDATION", ["variables", "a"])


async def test_a_backslash_before_u0000_is_no_nul(accountant: Client) -> None:
    body = rb'{"query": "{ viewer { roles } }", "variables": {"a": "\\u0000"}}'

    assert (await accountant.send(body)).status_code == 200


@pytest.mark.parametrize("depth", [MAX_DEPTH, 1000, 100_000])
async def test_json_that_nests_too_deep_is_refused(accountant: Client, depth: int) -> None:
    body = b'{"query": "{ viewer { roles } }", "variables": {"a": %b1%b}}' % (
        b"[" * depth,
        b"]" * depth,
    )

    answer = await accountant.send(body)

    assert code_and_path(answer) == (400, "VALIDATION", None)


async def test_json_may_nest_as_deep_as_inputs_do(accountant: Client) -> None:
    depth = MAX_DEPTH - 2
    body = b'{"query": "{ viewer { roles } }", "variables": {"a": %b1%b}}' % (
        b"[" * depth,
        b"]" * depth,
    )

    assert (await accountant.send(body)).status_code == 200


@pytest.mark.parametrize(
    "parameters",
    [
        {"query": ""},
        {"variables": "{}"},
        {"query": "{ a }", "variables": "{"},
        {"query": "{ a }", "variables": "[]"},
        {"query": "{ a }", "extensions": "1"},
    ],
)
async def test_parameters_of_an_address_are_checked_alike(
    accountant: Client, parameters: dict[str, str]
) -> None:
    answer = await accountant.get(**parameters)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "VALIDATION"


@pytest.mark.parametrize("query_string", ["query=%FF", "query=a&query=b", "a=1&" * 50 + "query=a"])
async def test_an_address_that_is_ambiguous_is_refused(
    accountant: Client, query_string: str
) -> None:
    answer = await accountant.http.get(f"/graphql?{query_string}", headers=accountant.headers)

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "",
    ],
)
async def test_only_json_is_read(accountant: Client, content_type: str) -> None:
    answer = await accountant.send(QUERY, content_type=content_type)

    assert code_and_path(answer) == (415, "UNSUPPORTED_MEDIA_TYPE", None)


@pytest.mark.parametrize("content_type", ["application/json;charset=UTF-8", "Application/JSON"])
async def test_json_has_several_spellings(accountant: Client, content_type: str) -> None:
    assert (await accountant.send(QUERY, content_type=content_type)).status_code == 200


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_has_a_limit(
    accountant: Client, settings_with: SomeSettings, is_announced: bool
) -> None:
    async def chunks(size: int):
        padding = b" " * (size - len(QUERY))
        for chunk in (QUERY, padding[:100], padding[100:]):
            yield chunk

    async with served(settings_with(body_limit_bytes=LIMIT)) as http:
        statuses = []
        for size in (LIMIT, LIMIT + 1):
            headers = {**accountant.headers, "content-type": "application/json"}
            content = QUERY.ljust(size) if is_announced else chunks(size)
            answer = await http.post("/graphql", content=content, headers=headers)
            statuses.append(answer.status_code)

    assert statuses == [200, 413]
    assert code_and_path(answer) == (413, "TOO_LARGE", None)
    assert answer.headers["connection"] == "close"


async def test_no_message_sends_the_input_back(accountant: Client) -> None:
    answer = await accountant.ask(
        "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }",
        input={"password": "canary-of-a-password", "unknown": 1},
    )
    assert answer.status_code == 400
    assert "required field 'email'" in answer.text
    assert "canary-of-a-password" not in answer.text
