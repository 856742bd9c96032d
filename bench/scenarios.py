"""What is asked: of the product in GraphQL, of the baseline by path. Both answer the same data."""

import json
from dataclasses import dataclass
from random import Random
from uuid import UUID

import orjson

from app.domain import global_id
from bench.books import Books
from bench.load import KEY
from bench.postings import NET, POSTING_DAY

PAGE = 50
ENTRIES_EACH = 10
REQUESTS = 2000
"""Different requests that a load repeats: more than caches by value would hold unnoticed."""

ONE_CUSTOMER = """
query OneCustomer($id: ID!) {
  customer(id: $id) {
    id code businessName email status currency pendingBalance creditLimit
  }
}
"""
MANY_CUSTOMERS = """
query Customers($first: Int!, $entries: Int!) {
  customers(first: $first) {
    nodes {
      id code businessName status currency pendingBalance
      ledgerEntries(first: $entries) {
        nodes {
          id number type amount openAmount currency transactionDate dueDate description
        }
      }
    }
  }
}
"""
POST_INVOICE = """
mutation PostInvoice($input: PostInvoiceInput!) {
  postInvoice(input: $input) {
    entry { id number amount openAmount }
    customer { id pendingBalance }
    replayed
    userErrors { code message path }
  }
}
"""


@dataclass(frozen=True, kw_only=True)
class Read:
    """The same question to both sides. `root` is where the product's answer holds the data."""

    key: str
    title: str
    target: float
    root: str
    ours: list[bytes]
    bare: list[bytes]


@dataclass(frozen=True, kw_only=True)
class Posting:
    """One kind of posting over HTTP; its baseline is pgbench."""

    key: str
    title: str
    target: float
    ours: list[bytes]


def one_customer(books: Books, token: str) -> Read:
    """(a) One of the representative's customers at a time, eight fields."""
    asked = Random(1).choices(books.rep_customers, k=REQUESTS)
    return Read(
        key="one_customer",
        title="one customer, 8 fields",
        target=0.5,
        root="customer",
        ours=[
            graphql(ONE_CUSTOMER, {"id": global_id.encode("Customer", each)}, token)
            for each in asked
        ],
        bare=[get(f"/customer/{each}") for each in asked],
    )


def many_customers(books: Books, token: str) -> Read:
    """(b) A page of the representative's customers, each with its first entries."""
    variables = {"first": PAGE, "entries": ENTRIES_EACH}
    return Read(
        key="many_customers",
        title=f"{PAGE} customers, {ENTRIES_EACH} entries each",
        target=0.85,
        root="customers",
        ours=[graphql(MANY_CUSTOMERS, variables, token)],
        bare=[get(f"/customers/{books.users['rep1']}/{PAGE}/{ENTRIES_EACH}")],
    )


def postings(books: Books, token: str) -> Posting:
    """(c) Invoices of one line to random customers, each under a key of its own."""
    return Posting(
        key="postings",
        title="post one invoice of one line",
        target=0.15,
        ours=[
            graphql(POST_INVOICE, {"input": _invoice(each)}, token)
            for each in Random(2).choices(books.customers, k=REQUESTS)
        ],
    )


def graphql(query: str, variables: object, token: str) -> bytes:
    """One POST to /graphql."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
        "Content-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(path: str) -> bytes:
    """One GET."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n".encode()


def require_data(samples: list[str], root: str) -> None:
    """Raises unless every sampled answer of ours has data and no errors of either kind."""
    for sample in samples:
        answer = orjson.loads(sample)
        data = (answer.get("data") or {}).get(root)
        if "errors" in answer or not data or data.get("userErrors"):
            raise RuntimeError(f"this is no good answer: {sample[:500]}")


def require_same(ours: str, bare: str, root: str) -> int:
    """Raises unless both sides answer the same data; returns the size of the bare answer."""
    mine, theirs = orjson.loads(ours)["data"][root], orjson.loads(bare)
    if mine != theirs:
        raise RuntimeError(f"the two sides differ:\n{ours[:2000]}\n{bare[:2000]}")
    return len(bare)


def _invoice(customer: UUID) -> dict[str, object]:
    return {
        "customer": global_id.encode("Customer", customer),
        "idempotencyKey": KEY,
        "transactionDate": POSTING_DAY,
        "description": "Delivery",
        "lineItems": [
            {
                "description": "Goods as delivered",
                "quantity": "1",
                "unitPrice": NET,
                "taxRate": "0.19",
            }
        ],
    }
