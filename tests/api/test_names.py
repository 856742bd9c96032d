"""One name in two forms of Unicode is one name: wherever it comes in, and wherever it is sought."""

import unicodedata

import httpx
import pytest

from app.infra.database import Database
from app.policies.roles import Role
from tests.api.stage import Stage, customer_name, make_stage, unused_code
from tests.factories import DAY
from tests.serving import Server

FORMS = ("NFC", "NFD", "NFKD")
CREATE = """mutation($code: String!) {
    createCustomer(input: {code: $code, businessName: "Müller", currency: "EUR"}) {
        customer { code } userErrors { code path } } }"""
SAVE = """mutation($sku: String!, $price: Decimal!) {
    saveProduct(input: {sku: $sku, name: "Möbel", unitPrice: $price, currency: "USD"}) {
        product { id sku } userErrors { code } } }"""
SEEK = """query($text: String!, $some: [String!], $part: String) {
    customer(code: $text) { code }
    equal: customers(filter: {code: {eq: $text}}) { totalCount }
    among: customers(filter: {code: {in: $some}}) { totalCount }
    part: customers(filter: {code: {contains: $part}}) { totalCount }
    start: customers(filter: {code: {startsWith: $text}}) { totalCount } }"""
INVOICE = """mutation($customer: ID!, $key: String!, $day: Date!, $sku: String!) {
    postInvoice(input: {customer: $customer, idempotencyKey: $key, transactionDate: $day,
        lineItems: [{sku: $sku, quantity: "1", unitPrice: "10"}]}) {
        entry { lineItems { product { sku } } } userErrors { code path } } }"""
PAY = """mutation($customer: ID!, $key: String!, $day: Date!, $reference: String!) {
    recordPayment(input: {customer: $customer, idempotencyKey: $key, transactionDate: $day,
        amount: "1", method: CASH, externalReference: $reference}) {
        entry { externalReference } userErrors { code path } } }"""


@pytest.fixture(scope="module")
async def stage(database: Database, server: Server, http: httpx.AsyncClient) -> Stage:
    return await make_stage(database, server, http)


def in_form(form: str, text: str) -> str:
    return unicodedata.normalize(form, text)  # type: ignore[arg-type] # one of FORMS


async def test_a_code(stage: Stage) -> None:
    client = stage.people[Role.ACCOUNTANT].client
    code = f"Mü-{unused_code()}"
    made = (await client.ask(CREATE, {"code": in_form("NFD", code)})).field("createCustomer")
    assert made["customer"] == {"code": code}

    for form in FORMS:
        asked = in_form(form, code)
        again = (await client.ask(CREATE, {"code": asked})).field("createCustomer")
        assert again["userErrors"] == [{"code": "DUPLICATE_CODE", "path": ["code"]}]
        variables = {"text": asked, "some": [asked, "other"], "part": asked[1:]}
        if form != "NFC":
            variables["part"] = asked
        found = (await client.ask(SEEK, variables)).json["data"]
        assert found["customer"] == {"code": code}
        assert {found[name]["totalCount"] for name in ("equal", "among", "part", "start")} == {1}


async def test_a_sku(stage: Stage) -> None:
    client = stage.people[Role.CONTROLLER].client
    sku = f"Ö-{unused_code()}"
    saved = {
        (await client.ask(SAVE, {"sku": in_form(form, sku), "price": "10"})).field("saveProduct")[
            "product"
        ]["id"]
        for form in FORMS
    }
    assert len(saved) == 1
    customer = customer_name(await stage.customer(near=True))

    for form in FORMS:
        asked = in_form(form, sku)
        found = await client.ask("query($s: String!) { product(sku: $s) { sku } }", {"s": asked})
        assert found.field("product") == {"sku": sku}
        sold = await client.ask(
            INVOICE,
            {"customer": customer, "key": unused_code(), "day": DAY.isoformat(), "sku": asked},
        )
        assert sold.field("postInvoice")["entry"] == {"lineItems": [{"product": {"sku": sku}}]}


async def test_a_payments_reference(stage: Stage) -> None:
    client = stage.people[Role.CONTROLLER].client
    customer = customer_name(await stage.customer(near=True))
    for number, form in enumerate(FORMS):
        variables = {
            "customer": customer,
            "key": unused_code(),
            "day": DAY.isoformat(),
            "reference": in_form(form, "Überweisung 7"),
        }
        paid = (await client.ask(PAY, variables)).field("recordPayment")
        if number == 0:
            assert paid["entry"] == {"externalReference": "Überweisung 7"}
        else:
            refused = {"code": "CONFLICT", "path": ["externalReference"]}
            assert paid["userErrors"] == [refused]


async def test_lines_of_notes_end_with_lf(stage: Stage) -> None:
    client = stage.people[Role.ACCOUNTANT].client
    customer = customer_name(await stage.customer(near=True))
    reply = await client.ask(
        """mutation($id: ID!, $notes: String) {
            updateCustomer(input: {id: $id, expectedVersion: 1, notes: $notes}) {
                customer { notes } userErrors { code } } }""",
        {"id": customer, "notes": "one\r\ntwo\rthree"},
    )
    assert reply.field("updateCustomer")["customer"] == {"notes": "one\ntwo\nthree"}


async def test_a_tag(stage: Stage) -> None:
    client = stage.people[Role.ACCOUNTANT].client
    customer = customer_name(await stage.customer(near=True))
    tag = f"Größe {unused_code()}"
    change = """mutation($id: ID!, $tags: [String!]) {
        updateCustomer(input: {id: $id, expectedVersion: 1, tags: $tags}) {
            customer { tags } userErrors { code } } }"""
    given = [in_form(form, tag) for form in FORMS[::-1]]
    reply = await client.ask(change, {"id": customer, "tags": given})
    assert reply.field("updateCustomer")["customer"] == {"tags": [tag]}
    for form in FORMS:
        found = await client.ask(
            "query($tags: [String!]) { customers(filter: {tags: $tags}) { totalCount } }",
            {"tags": [in_form(form, tag)]},
        )
        assert found.field("customers") == {"totalCount": 1}
