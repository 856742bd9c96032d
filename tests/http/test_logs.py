"""The log of a whole session: what happened, for whom, and nothing that must stay secret."""

import base64
import json

from tests.http.calling import PASSWORD
from tests.serving import Client, new_http, serving

LOGIN = """mutation LogIn($input: LoginInput!) { login(input: $input) {
    accessToken refreshToken userErrors { code } } }"""
REFRESH = """mutation Refresh($input: RefreshInput!) { refreshToken(input: $input) {
    accessToken refreshToken userErrors { code } } }"""
CREATE = """mutation Create($input: CreateCustomerInput!) { createCustomer(input: $input) {
    customer { businessName email } userErrors { code message } } }"""


FIND = "query Find($c: String) { customer(code: $c) { code } }"
SECRET_CUSTOMER = {
    "code": "CODE-OF-A-CUSTOMER",
    "businessName": "Geheim & Sohn",
    "email": "private@person.example",
    "currency": "EUR",
}


def logging_in(email: str, password: str) -> dict[str, dict[str, str]]:
    return {"input": {"email": email, "password": password}}


async def test_a_session_leaves_lines_and_no_secrets(
    database_url: str, redis_url: str, email: str
) -> None:
    async with serving(database_url, redis_url) as server, new_http(server) as http:
        stranger = Client(http)
        wrong = await stranger.ask(LOGIN, logging_in(email, "wrong " + PASSWORD))
        number = await stranger.ask(LOGIN, {"input": {"email": email, "password": 192837465}})
        entered = await stranger.ask(LOGIN, logging_in(email, PASSWORD))
        login = entered.field("login")
        given = {"input": {"refreshToken": login["refreshToken"]}}
        tokens = (await stranger.ask(REFRESH, given)).field("refreshToken")
        client = Client(http, tokens["accessToken"])
        created = await client.ask(CREATE, {"input": SECRET_CUSTOMER})
        headers = {"authorization": client.headers["authorization"]}
        parameters = {"query": FIND, "variables": json.dumps({"c": "Geheim"})}
        await http.get("/graphql", params=parameters, headers=headers)
        await client.ask("query Broken { nothing }")
        await http.get("/graphql", params={"access_token": tokens["accessToken"]})
        await http.get("/Geheim/private@person.example")
        await server.stop()
        written = server.log

    lines = [json.loads(line) for line in written.splitlines()]
    access = [line for line in lines if line["event"] == "request" and line["route"] != "/readyz"]
    assert [(line["operation"], line["status"]) for line in access] == [
        ("LogIn", 200),
        ("LogIn", 400),
        ("LogIn", 200),
        ("Refresh", 200),
        ("Create", 200),
        ("Find", 200),
        (None, 400),
        (None, 401),
        (None, 404),
    ]
    assert wrong.field("login")["userErrors"] == [{"code": "FORBIDDEN"}]
    assert created.field("createCustomer")["userErrors"] == []
    assert [line["request_id"] for line in access[:3]] == [
        answer.request_id for answer in (wrong, number, entered)
    ]
    create = access[4]
    assert create["kind"] == "mutation"
    assert create["bytes"] == len(created.body)
    assert create["duration_ms"] > 0
    assert create["actor"] == access[5]["actor"]
    assert "actor" not in access[7]
    assert b"192837465" not in number.body
    secrets = [
        login["accessToken"],
        login["refreshToken"],
        *SECRET_CUSTOMER.values(),
        email,
        PASSWORD,
    ]
    secrets += [tokens["accessToken"], tokens["refreshToken"], "Geheim", "192837465"]
    secrets += [base64.b64encode(each.encode()).decode() for each in secrets]
    assert not [each for each in secrets if each in written and each != "EUR"]
