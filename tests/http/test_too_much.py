"""Requests for more work than one is worth: refused before it is done, or while."""

import asyncpg
import pytest
from graphql import get_introspection_query

from app.http.refusals import refusal_of
from app.resolvers import edge
from tests.http.calling import Client

ALIASES = 200
PERMISSIONS = "".join(f"a{n}: permissions {{ coordinate }} " for n in range(ALIASES))
TYPES = "".join(f"a{n}: __schema {{ types {{ fields {{ name }} }} }} " for n in range(ALIASES))
INSIDE_FRAGMENTS = """{ ...A ...B } fragment A on Query { __schema { ...S } }
    fragment B on Query { b: __schema { ...S } }
    fragment S on __Schema { types { fields { %s } } }"""
REFUSED = {
    "permissions": f"{{ viewer {{ {PERMISSIONS} }} }}",
    "introspection": f"{{ {TYPES} }}",
    "introspection in fragments": INSIDE_FRAGMENTS
    % "".join(f"a{n}: name " for n in range(ALIASES)),
}
CREATE = """mutation {
    createCustomer(input: {code: "TOO-SLOW", businessName: "B", currency: "EUR"}) {
    customer { code } userErrors { code } } }"""


@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED.keys())
async def test_fields_that_no_statement_answers_have_a_bound(
    accountant: Client, query: str
) -> None:
    answer = await accountant.ask(query)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "VALIDATION"


async def test_introspection_and_wide_reads_are_within_it(accountant: Client) -> None:
    wide = "".join(f"a{n}: products {{ totalCount }} " for n in range(ALIASES))
    for query in (get_introspection_query(), f"{{ viewer {{ roles }} {wide} }}"):
        assert (await accountant.ask(query)).status_code == 200


async def test_nobody_validates_a_long_document_for_a_stranger(
    stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = 'login(input: {email: "a", password: "b"}) { viewer { user { name } } } '
    monkeypatch.setattr("app.planner.documents.validate", lambda *_, **__: pytest.fail("validated"))

    assert (await stranger.ask(f"mutation {{ {login * 50} }}")).status_code == 401


async def test_a_payload_that_takes_too_long_undoes_the_mutation(
    accountant: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "PAYLOAD_SECONDS", 0.0)

    answer = await accountant.ask(CREATE)

    errors = [{"code": "VALIDATION"}]
    assert answer.json()["data"]["createCustomer"] == {"customer": None, "userErrors": errors}
    found = await accountant.ask('{ customer(code: "TOO-SLOW") { code } }')
    assert found.json() == {"data": {"customer": None}}


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
        asyncpg.StatementTooComplexError("stack depth limit exceeded"),
        asyncpg.ProgramLimitExceededError("invalid memory alloc request size"),
    ],
)
def test_what_a_statement_cannot_do_is_no_fault_of_ours(error: Exception) -> None:
    refused = refusal_of(error, "request")

    assert refused.fault.status == 400
    assert refused.errors[0]["extensions"] == {"code": "VALIDATION"}
