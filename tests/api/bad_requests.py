"""Bad documents, bad arguments of queries, and bodies that are no request at all."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import orjson

from app.policies.roles import Role
from tests.api.bad import Bad, Named, asked, json_of, sent

ROLES = "{ viewer { roles } }"
CUSTOMERS = "query($after: Cursor) { customers(after: $after) { totalCount } }"
FILTERED = "query($filter: CustomerFilter) { customers(filter: $filter) { totalCount } }"


def cases() -> Iterator[Bad]:
    """All of them."""
    yield from _bodies()
    yield from _documents()
    yield from _nul_in_literals()
    yield from _ids()
    yield from _cursors()
    yield from _pages()
    yield from _filters()


def _bodies() -> Iterator[Bad]:
    for name, body in {
        "nothing": b"",
        "a blank": b" ",
        "broken JSON": b'{"query": "{ viewer',
        "two objects": b"{}{}",
        "single quotes": b"{'query': '{ viewer { roles } }'}",
        "not UTF-8": b'{"query": "\xff\xfe"}',
        "a bare lone surrogate": b'{"query": "\\ud800"}',
        "lone surrogates as bytes": b'{"query": "\xed\xa0\x80"}',
        "a raw NUL": b'{"query": "{ viewer\x00 { roles } }"}',
        "a list": orjson.dumps([{"query": ROLES}]),
        "an empty list": b"[]",
        "a text": b'"{ viewer { roles } }"',
        "a number": b"12",
        "NaN": b"NaN",
        "true": b"true",
        "null": b"null",
        "JSON that nests for ever": b"[" * 100_000,
        "JSON that nests deep": b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
    }.items():
        yield sent(f"the body is {name}", body)
    for value in (None, "", 1, ["a"], {"a": 1}):
        yield sent(f"query is {value!r}", json_of(query=value), "query")
    yield sent("no query", b"{}", "query")
    for value in (1, ["A"], {"a": 1}, True):
        yield sent(
            f"operationName is {value!r}",
            json_of(query=ROLES, operationName=value),
            "operationName",
        )
    for value in ([], "x", 1, True):
        yield sent(f"variables are {value!r}", json_of(query=ROLES, variables=value), "variables")
    yield sent("extensions are a list", json_of(query=ROLES, extensions=[]), "extensions")
    nul = json_of(query=CUSTOMERS, variables={"after": "a\x00b"})
    yield sent("NUL in a variable", nul, "variables", "after")
    named = json_of(query=CUSTOMERS, variables={"after\x00": "a"})
    yield sent("NUL in a name", named, "variables")
    large = json_of(query=ROLES, variables={"a": "x" * 1_000_000})
    yield sent("more than a megabyte", large, code="TOO_LARGE", status=413)


def _documents() -> Iterator[Bad]:
    yield asked("half a document", "query {")
    yield asked("a NUL in a document", "{ viewer \\u0000 { roles } }")
    yield asked("no operation", "fragment f on Query { viewer { roles } }")
    yield asked("an unknown field", "{ viewer { salary } }", at="salary")
    yield asked("an unknown mutation", "mutation { printMoney }", at="printMoney")
    yield asked("no selection", "{ viewer }", at="viewer")
    yield asked("an unknown directive", "{ viewer @admin { roles } }", at="admin")
    yield asked("an unknown argument", "{ viewer(as: 1) { roles } }", at="as")
    yield asked("a variable that is missing", "query($id: ID!) { node(id: $id) { id } }", at="$id")
    yield asked("an undefined variable", "{ node(id: $id) { id } }", at="$id")
    yield asked("a variable of another type", "query($id: Int) { node(id: $id) { id } }", at="$id")
    yield asked("a cycle of fragments", "{ ...f } fragment f on Query { ...f }", at="f")
    yield asked("a subscription", "subscription { customers }")
    yield asked("several operations", f"query A {ROLES} query B {ROLES}", at="operationName")
    yield asked("two of one name", f"query A {ROLES} query A {ROLES}", at="A")
    yield sent("an unknown operation", json_of(query=f"query A {ROLES}", operationName="B"))
    yield asked("too many tokens", "{" + "viewer { roles } " * 1_300 + "}", at="tokens")
    for depth in (300, 2_400):
        yield asked(f"{depth} levels", "{ a " * depth + "}" * depth)
    nested = "teams { " + "members { nodes { team { " * 15 + "id" + " } } }" * 15 + "}"
    deep = "teams", *("members", "nodes", "team") * 10, "members"
    seer = Role.CONTROLLER
    yield asked("objects that nest deep", f"{{ {nested} }}", None, *deep, role=seer)
    yield asked("lists that nest deep", "{ nodes(ids: " + "[" * 2_000 + "]" * 2_000 + ") { id } }")
    alias = "a" * 10_000
    yield asked("a long alias", f"{{ {alias}: customers {{ totalCount }} }}", None, alias)
    bomb = " ".join(
        f"fragment f{n} on Team {{ members {{ nodes {{ team {{ ...f{n + 1} ...f{n + 1} }} }} }} }}"
        for n in range(30)
    )
    yield asked(
        "fragments that multiply",
        f"{{ teams {{ ...f0 }} }} {bomb} fragment f30 on Team {{ id }}",
        None,
        *deep,
        role=seer,
    )


def _nul_in_literals() -> Iterator[Bad]:
    """JSON cannot carry NUL in here, but a text of a document has escapes of its own."""
    nul = r'"a\u0000b"'
    for name, query, path in (
        ("code", f"{{ customer(code: {nul}) {{ id }} }}", ("customer", "code")),
        ("sku", f"{{ product(sku: {nul}) {{ id }} }}", ("product", "sku")),
        ("number", f"{{ ledgerEntry(number: {nul}) {{ id }} }}", ("ledgerEntry", "number")),
        ("id", f"{{ node(id: {nul}) {{ id }} }}", ("node", "id")),
        (
            "search",
            f"{{ customers(filter: {{search: {nul}}}) {{ totalCount }} }}",
            ("customers", "filter", "search"),
        ),
        (
            "tags",
            f"{{ customers(filter: {{tags: [{nul}]}}) {{ totalCount }} }}",
            ("customers", "filter", "tags"),
        ),
        (
            "eq",
            f"{{ customers(filter: {{code: {{eq: {nul}}}}}) {{ totalCount }} }}",
            ("customers", "filter", "code", "eq"),
        ),
    ):
        yield asked(f"NUL in {name}", query, None, *path)
    for literal in (r'"\ud800"', r'"\u{D800}"', r'"\u{110000}"'):
        yield asked(f"no character {literal}", f"{{ product(sku: {literal}) {{ id }} }}")


def _ids() -> Iterator[Bad]:
    for name in ("", "x", "!!!!", "é", "A" * 900_000, Named("customer")):
        shown = f"{name[:10]!r} ({len(name)})"
        variables = {"id": name}
        entry = "query($id: ID!) { ledgerEntry(id: $id) { id } }"
        yield asked(f"no entry {shown}", entry, variables, "ledgerEntry", "id")
        if not isinstance(name, Named):
            node = "query($id: ID!) { node(id: $id) { id } }"
            yield asked(f"no node {shown}", node, variables, "node", "id")
            nodes = "query($id: ID!) { nodes(ids: [$id]) { id } }"
            yield asked(f"no nodes {shown}", nodes, variables, "nodes", "ids")
    many = {"ids": [Named("customer")] * 101}
    yield asked(
        "many nodes", "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", many, "nodes", "ids"
    )
    yield asked("neither id nor code", "{ customer { id } }", None, "customer")
    both = 'query($id: ID!) { customer(id: $id, code: "TAKEN") { id } }'
    yield asked("both id and code", both, {"id": Named("customer")}, "customer")


def _cursors() -> Iterator[Bad]:
    for name, raw in {
        "no JSON": b"cursor",
        "an object": b'{"a": 1}',
        "an empty list": b"[]",
        "a number": b"1",
        "another list's": b'["User+ID", "01a20830-7e84-73d0-a1dc-14d30fd2b68e"]',
        "another order's": b'["Customer+CODE+ID", "a", "01a20830-7e84-73d0-a1dc-14d30fd2b68e"]',
        "too short": b'["Customer+ID"]',
        "too long": b'["Customer+ID", "a", "b"]',
        "of numbers": b'["Customer+ID", 1]',
        "no id": b'["Customer+ID", "x"]',
        "a NUL": b'["Customer+ID", "\\u0000"]',
        "a surrogate": b'["Customer+ID", "\\ud800"]',
    }.items():
        cursor = urlsafe_b64encode(raw).decode().rstrip("=")
        yield asked(f"a cursor: {name}", CUSTOMERS, {"after": cursor}, "customers", "after")
    for cursor in ("", "é", "A" * 2_001, 12, ["a", "b"]):
        yield asked(f"a cursor {str(cursor)[:10]!r}", CUSTOMERS, {"after": cursor}, at="$after")


def _pages() -> Iterator[Bad]:
    for arguments, path in {
        "first: 0": ("customers", "first"),
        "first: -1": ("customers", "first"),
        "first: 1001": ("customers", "first"),
        "first: 2147483647": ("customers", "first"),
        "last: 0": ("customers", "last"),
        "last: 1001": ("customers", "last"),
        "first: 1, last: 1": ("customers", "last"),
    }.items():
        yield asked(arguments, f"{{ customers({arguments}) {{ totalCount }} }}", None, *path)
    for arguments in ("first: 2147483648", "first: 1.5", 'first: "1"', "orderBy: {field: SHOE}"):
        yield asked(arguments, f"{{ customers({arguments}) {{ totalCount }} }}")


def _filters() -> Iterator[Bad]:
    deep: dict[str, Any] = {"code": {"eq": "a"}}
    for _ in range(30):
        deep = {"and": [deep]}
    depth = ("customers", "filter", *("and", "0") * 11)
    yield asked("a deep filter", FILTERED, {"filter": deep}, *depth, at="nest")
    wide = {"or": [{"code": {"eq": "a"}}] * 1_100}
    yield asked("a wide filter", FILTERED, {"filter": wide}, at="1000 values")
    for name, given in {
        "a float": {"pendingBalance": {"gt": 1.5}},
        "40 digits": {"pendingBalance": {"gt": "1" * 40}},
        "an unknown field": {"password": {"eq": "a"}},
        "an unknown operator": {"code": {"regex": ".*"}},
    }.items():
        yield asked(f"a filter with {name}", FILTERED, {"filter": given}, at="$filter")
    for name in ("x", Named("customer")):
        yield asked(
            f"a filter by the user {name}",
            FILTERED,
            {"filter": {"assignedTo": [name]}},
            *("customers", "filter", "assignedTo"),
        )
    withheld = {"filter": {"creditLimit": {"gt": "0"}}}
    yield asked(
        "a filter by what is withheld",
        FILTERED,
        withheld,
        *("customers", "filter", "creditLimit"),
        code="FORBIDDEN",
        role=Role.SUPPORT,
    )
