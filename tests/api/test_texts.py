"""Text in every script, with emoji and directions, is kept as sent, and found in any case."""

import unicodedata

import httpx
import pytest

from app.infra.database import Database
from app.policies.roles import Role
from tests.api.stage import Stage, customer_name, make_stage, unused_code
from tests.serving import Server

TEXTS = {
    "emoji": "Bäckerei \N{CROISSANT} \N{WOMAN}\u200d\N{WOMAN}\u200d\N{GIRL}",
    "right to left": "\u200f\u05e9\u05dc\u05d5\u05dd\u200f (\u202b\u0645\u0631\u062d\u202c)",
    "combining": "Zu\u0308rich e\u0301",
    "cjk": "株式会社テスト",
    "beyond the basic plane": "\U0001d518\U0001d52b\U00012000",
    "punctuation of programs": "O'Hara'); DROP TABLE customers;-- <b>\"\\ %s {{x}} ${y}",
    "a non-character": "a\ufffeb\U0010ffff",
}
CASES = {
    "latin": ("Émile Ünlü", "éMILE üNLÜ"),
    "cyrillic": ("Москва", "мОСКВА"),
    "greek, whose small sigma is another at the end of a word": ("ΟΔΟΣ", "οδος"),
    "sharp s": ("Straße", "STRASSE"),
    "capital sharp s": ("GROẞ", "groß"),
    "a ligature": ("ﬁlm", "FILM"),
    "a capital i with its dot": ("İnci", "i\u0307NCI"),
    "what stands for anything in a pattern": ("É%ß_\\", "é%SS_\\"),
}
"""The same text twice."""
FIELDS = {"code": "code", "businessName": "business_name", "email": "email", "phone": "phone"}
SELECTION = "{ customer { id businessName notes tags contactName version } userErrors { code } }"


@pytest.fixture(scope="module")
async def stage(database: Database, server: Server, http: httpx.AsyncClient) -> Stage:
    return await make_stage(database, server, http)


@pytest.mark.parametrize("name", TEXTS)
async def test_it_is_kept_as_it_was_sent(stage: Stage, name: str) -> None:
    text = TEXTS[name]
    client = stage.people[Role.ACCOUNTANT].client
    customer = await stage.customer(near=True)
    fields = {"businessName": text, "contactName": text, "tags": [text.replace(" ", "")[:9]]}
    reply = await client.ask(
        f"mutation($input: UpdateCustomerInput!) {{ updateCustomer(input: $input) {SELECTION} }}",
        {
            "input": {
                "id": customer_name(customer),
                "expectedVersion": 1,
                "notes": f"{text}\n\t{text}",
                "meta": {"clientMutationId": text},
                **fields,
            }
        },
    )
    payload = reply.field("updateCustomer")
    assert payload["userErrors"] == []
    # What names something has one form of Unicode; all else is as it came.
    composed = [unicodedata.normalize("NFC", tag) for tag in fields["tags"]]
    expected = {**fields, "tags": composed, "notes": f"{text}\n\t{text}"}
    assert {field: payload["customer"][field] for field in expected} == expected
    found = await client.ask(
        "query($text: String) { customers(filter: {businessName: {eq: $text}}) { nodes { id } } }",
        {"text": text},
    )
    assert found.field("customers") == {"nodes": [{"id": customer_name(customer)}]}


@pytest.mark.parametrize("name", CASES)
async def test_it_is_found_whatever_its_case(stage: Stage, name: str) -> None:
    client = stage.people[Role.ACCOUNTANT].client
    for kept, asked in (CASES[name], CASES[name][::-1]):
        mark = unused_code()
        texts = dict.fromkeys(FIELDS.values(), f"{kept} {mark}")
        customer = customer_name(await stage.customer(near=True, **texts))
        conditions = [{"search": f"{asked} {mark}"}]
        for field in FIELDS:
            conditions.append({field: {"startsWith": f"{asked} {mark}"}})
            conditions.append({field: {"contains": f"{asked} {mark}"[1:]}})
        for condition in conditions:
            reply = await client.ask(
                "query($filter: CustomerFilter) { customers(filter: $filter) { nodes { id } } }",
                {"filter": condition},
            )
            assert reply.field("customers")["nodes"][:1] == [{"id": customer}], condition
