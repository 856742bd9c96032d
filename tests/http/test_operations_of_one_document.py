"""Several operations in one document do not get in each other's way, whatever they are called."""

from tests.http.calling import Client

TEXT = """
query operation { viewer { roles } x: customers { totalCount } }
query x { products { totalCount } }
"""


async def answer_of(client: Client, name: str) -> object:
    body = {"query": TEXT, "operationName": name}
    return (await client.http.post("/graphql", json=body, headers=client.headers)).json()["data"]


async def test_an_operation_is_no_field_of_the_same_name(accountant: Client) -> None:
    whole = {"products": {"totalCount": 0}}
    part = {"viewer": {"roles": ["ACCOUNTANT"]}, "x": {"totalCount": 0}}
    for _ in range(2):
        assert await answer_of(accountant, "operation") == part
        assert await answer_of(accountant, "x") == whole
