"""What a body may hold is known before anything is built of it; a stranger's is short."""

import random
import string
from typing import Any

import orjson
import pytest

from app.http import endpoint, parameters
from app.http.endpoint import STRANGERS_BYTES
from app.http.json_bounds import MAX_DEPTH, MAX_VALUES, check_bounds
from app.http.refusals import Refused
from tests.http.calling import Client

QUERY = "{ products { totalCount } }"
MANY = MAX_VALUES + 1


def body(variables: bytes, query: str = QUERY) -> bytes:
    return b'{"query":%b,"variables":{"a":%b}}' % (orjson.dumps(query), variables)


TOO_MUCH = {
    "empty lists": body(b"[" + b"[]," * 300_000 + b"[]]"),
    "empty objects": body(b"[" + b"{}," * MANY + b"{}]"),
    "empty texts": body(b"[" + b'"",' * 300_000 + b'""]'),
    "numbers": body(b"[" + b"1," * MANY + b"1]"),
    "fields": body(b"{" + b",".join(b'"%d":1' % n for n in range(MANY)) + b"}"),
    "lists in lists": body(b"[" * 400_000 + b"]" * 400_000),
    "objects in objects": body(b'{"a":' * 100 + b"1" + b"}" * 100),
    "in extensions": b'{"query":"{a}","extensions":{"a":[' + b"[]," * MANY + b"[]]}}",
    "in what nobody reads": b'{"query":"{a}","more":[' + b"[]," * MANY + b"[]]}",
    "a list": b"[" + b"[]," * MANY + b"[]]",
}
NO_JSON = {
    "nothing but closing": b"[" + b"]" * 900_000,
    "closing after all": body(b"[" * 70 + b"]" * 900_000),
    "a text that does not end": b'["' + b'\\"[' * 300_000,
}


@pytest.mark.parametrize("sent", TOO_MUCH.values(), ids=TOO_MUCH.keys())
async def test_nothing_is_built_of_too_much(
    accountant: Client, stranger: Client, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "_loaded", lambda *_: pytest.fail("built"))

    answer = await accountant.send(sent)

    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (
        400,
        "VALIDATION",
    )
    assert (await stranger.send(sent)).status_code == 401


@pytest.mark.parametrize("sent", NO_JSON.values(), ids=NO_JSON.keys())
async def test_what_looks_like_much_and_is_no_json_is_refused(
    accountant: Client, sent: bytes
) -> None:
    assert (await accountant.send(sent)).status_code == 400


@pytest.mark.parametrize("name", ["variables", "extensions"])
async def test_nor_of_too_much_in_an_address(
    accountant: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "check_bounds", _with(values=1000))
    given = {"query": QUERY, name: '{"a":[' + "1," * 2000 + "1]}"}

    assert (await accountant.get(**given)).status_code == 400
    given[name] = '{"a":[' + "1," * 20 + "1]}"
    assert (await accountant.get(**given)).status_code == 200


def _with(values: int) -> Any:
    """The same bound with fewer values: an address has no room for as many as there are."""

    def check(text: bytes, *path: str, depth: int = MAX_DEPTH) -> int:
        count = check_bounds(text, *path, depth=depth)
        if count > values:
            raise parameters._malformed("too many", *path)
        return count

    return check


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000 + "," * 100_000, '\\"' * 50_000, "{" * 100 + "\\", '"' * 100_000, "[{,\\\\"],
)
async def test_what_stands_in_texts_counts_nothing(accountant: Client, text: str) -> None:
    content = orjson.dumps({"query": QUERY, "variables": {"a": text, text: [text]}})

    assert (await accountant.send(content)).status_code == 200


def test_the_count_is_never_too_low_nor_the_depth_wrong() -> None:
    for seed in range(2000):
        chance = random.Random(seed)  # noqa: S311
        value = _value(chance, chance.randint(0, 8))
        text = orjson.dumps(value)
        depth = _depth(value)

        assert check_bounds(text, depth=depth) >= _count(value)
        if depth:
            with pytest.raises(Refused):
                check_bounds(text, depth=depth - 1)


async def test_a_strangers_request_is_short(
    stranger: Client, accountant: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in = 'mutation { login(input: {email: "a", password: "b"}) { userErrors { code } } }'
    long = orjson.dumps({"query": log_in, "extensions": {"a": "x" * STRANGERS_BYTES}})
    fine = orjson.dumps({"query": log_in, "extensions": {"a": "x" * (STRANGERS_BYTES - 500)}})

    assert (await stranger.send(fine)).status_code == 200
    monkeypatch.setattr(endpoint, "from_json", lambda _: pytest.fail("read"))
    refused = await stranger.send(long)
    assert refused.status_code == 401
    assert refused.headers["connection"] == "close"
    assert refused.headers["www-authenticate"] == "Bearer"
    monkeypatch.undo()
    assert (await accountant.send(long)).status_code == 200


async def test_a_strangers_address_is_short_too(
    stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "parse_qsl", lambda *_, **__: pytest.fail("read"))

    answer = await stranger.get(query="{ a }", variables="x" * STRANGERS_BYTES)

    assert answer.status_code == 401


async def test_of_a_strangers_body_no_more_is_taken_than_it_may_have(stranger: Client) -> None:
    sent = 0

    async def chunks() -> Any:
        nonlocal sent
        for _ in range(1000):
            sent += 1024
            yield b"x" * 1024

    answer = await stranger.http.post(
        "/graphql", content=chunks(), headers={"content-type": "application/json"}
    )

    assert answer.status_code == 401
    assert sent <= STRANGERS_BYTES + 2048


def _value(chance: random.Random, depth: int) -> Any:
    if depth == 0 or chance.random() < 0.2:
        return chance.choice([None, 1, -0.5, True, "", _text(chance), [], {}])
    size = chance.randint(0, 4)
    if chance.random() < 0.5:
        return [_value(chance, depth - 1) for _ in range(size)]
    return {_text(chance): _value(chance, depth - 1) for _ in range(size)}


def _text(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_letters + '[]{},:"\\\n', k=chance.randint(0, 6)))


def _count(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(1 + _count(each) for each in inside)


def _depth(value: Any) -> int:
    if not isinstance(value, (dict, list)):
        return 0
    inside = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(each) for each in inside), default=0)


@pytest.mark.parametrize(
    ("declared", "given", "used"),
    [
        ("[ID!]", ["x" * 10] * 45_000, "customers(filter: {{assignedTo: $v}})"),
        ("[String!]", ["x" * 10] * 45_000, "customers(filter: {{tags: $v}})"),
        ("String", "x" * 900_000, "customers(filter: {{code: {{eq: $v}}}})"),
        ("[CustomerFilter!]", [{}] * 4000, "customers(filter: {{and: $v}})"),
    ],
)
async def test_a_long_variable_does_not_stand_in_many_places(
    accountant: Client, declared: str, given: Any, used: str
) -> None:
    places = " ".join(f"a{n}: {used.format()} {{ totalCount }}" for n in range(100))

    answer = await accountant.ask(f"query($v: {declared}) {{ {places} }}", v=given)

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert "too long" in error["message"] or "conditions" in error["message"]
