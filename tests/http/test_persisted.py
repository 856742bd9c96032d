"""No documents are kept by hash or id: clients that ask for one learn it in their own words."""

import orjson
import pytest

from tests.http.calling import MODERN, Client

QUERY = "{ viewer { roles } }"
HASHED = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
LEGACY = "application/json"


@pytest.mark.parametrize("accept", [MODERN, LEGACY])
@pytest.mark.parametrize("query", [{}, {"query": None}, {"query": ""}])
async def test_a_hash_alone_is_told_as_apollo_does(
    accountant: Client, accept: str, query: dict[str, str | None]
) -> None:
    content = orjson.dumps({"operationName": "Q", "variables": {}, "extensions": HASHED, **query})

    answer = await accountant.send(content, accept=accept)

    assert answer.status_code == 200
    assert answer.json() == {
        "errors": [
            {
                "message": "PersistedQueryNotSupported",
                "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"},
            }
        ]
    }


async def test_so_is_one_in_an_address(accountant: Client) -> None:
    answer = await accountant.get(extensions=orjson.dumps(HASHED).decode())

    assert answer.json()["errors"][0]["message"] == "PersistedQueryNotSupported"


async def test_the_text_beside_its_hash_is_run(accountant: Client) -> None:
    content = orjson.dumps({"query": QUERY, "extensions": HASHED})

    assert (await accountant.send(content)).json() == {
        "data": {"viewer": {"roles": ["ACCOUNTANT"]}}
    }


@pytest.mark.parametrize("query", [{}, {"query": QUERY}])
async def test_the_id_of_a_document_is_refused_clearly(
    accountant: Client, query: dict[str, str]
) -> None:
    answer = await accountant.send(orjson.dumps({"documentId": "sha256:abc", **query}))

    (error,) = answer.json()["errors"]
    assert answer.status_code == 400
    assert (error["path"], error["extensions"]) == (["documentId"], {"code": "VALIDATION"})
    assert "documentId" in error["message"]


@pytest.mark.parametrize("asked", [{"extensions": HASHED}, {"documentId": "a"}])
async def test_a_stranger_learns_none_of_it(stranger: Client, asked: dict[str, object]) -> None:
    assert (await stranger.send(orjson.dumps(asked))).status_code == 401
