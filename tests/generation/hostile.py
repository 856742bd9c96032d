"""Requests that are made to cost more than they are long: documents, variables and what is neither.

Each family takes a chance and about how many bytes it may have. `requests` draws from all of them.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import orjson

MOST_BYTES = 1_000_000
SIZES = (MOST_BYTES, 25_000)
"""Tried first: as much as there may be, and about as long as a document may be by its tokens."""

LOG_IN = 'login(input: {email: "a", password: "b"}) { accessToken }'

Chance = random.Random
Family = Callable[[Chance, int], str | bytes]


@dataclass(frozen=True)
class Hostile:
    """One request: a POST with this body, or a GET with this query string."""

    family: str
    seed: int
    body: bytes
    is_get: bool = False


def repeated(unit: Callable[[int], str], size: int) -> str:
    """As many of these as have room, at least two."""
    count = max(2, size // max(1, len(unit(size))))
    return " ".join(unit(n) for n in range(count))


def spreads(operation: str, on: str, each: str, root: str = "...F0") -> Family:
    """Fragments that spread the next one twice."""

    def make(_: Chance, size: int) -> str:
        links = max(2, min(size // (len(each) + 40), 2000))
        chain = " ".join(
            f"fragment F{n} on {on} {{ {each.replace('%', f'...F{n + 1}').replace('#', str(n))} }}"
            for n in range(links)
        )
        return f"{operation} {{ {root} }} {chain} fragment F{links} on {on} {{ __typename }}"

    return make


def around(before: str, opening: str, inside: str, closing: str, after: str) -> Family:
    """Something in itself, again and again."""

    def make(_: Chance, size: int) -> str:
        depth = max(1, size // (len(opening) + len(closing)))
        depth = min(depth, _.choice([10, 60, 190, 2000, MOST_BYTES]))
        return f"{before}{opening * depth}{inside}{closing * depth}{after}"

    return make


def many(before: str, unit: str, after: str) -> Family:
    """One after the other; `#` is the number of each."""
    return lambda _, size: before + repeated(lambda n: unit.replace("#", str(n)), size) + after


def long(before: str, what: str, after: str) -> Family:
    """One that is long."""
    return lambda _, size: before + what * max(1, size // len(what)) + after


ENTRIES = "ledgerEntries { nodes { customer { % } } }"
S = "fragment S on __Schema { types { fields { args { type { name } } type { name } } } }"
DOCUMENTS: Mapping[str, Family] = {
    "public spreads": spreads("mutation", "Mutation", f"a#: {LOG_IN} % %"),
    "planned spreads": spreads("query", "Query", "products { totalCount } % % ... { % }"),
    "nested spreads": spreads(
        "query", "Customer", f"a: {ENTRIES} b#: {ENTRIES}", "customers { nodes { ...F0 } }"
    ),
    "spreads under one key": spreads(
        "query", "Customer", f"{ENTRIES} {ENTRIES}", "customers { nodes { ...F0 } }"
    ),
    "spreads of the schema": spreads(
        "query", "__Type", "a#: ofType { % } fields { type { % } }", "__schema { types { ...F0 } }"
    ),
    "many fragments": many(
        "{ products { nodes { ...F1 } } }", "fragment F# on Product { sku }", ""
    ),
    "many spreads": lambda _, size: (
        "{ products { nodes { "
        + repeated(lambda n: f"...F{n % 300}", size // 2)
        + " } } } "
        + " ".join(f"fragment F{n} on Product {{ sku a{n % 7}: name }}" for n in range(300))
    ),
    "many operations": many("", "query Q#($a: ID!) { node(id: $a) { id } }", ""),
    "many aliases": many("{", "a#: products { totalCount }", "}"),
    "many of one field": many("{ products { nodes {", "sku", "} } }"),
    "many of one list": many("{", "products(first: 1) { nodes { sku } }", "}"),
    "many conflicts": many("{ products { nodes {", "a: sku a: name", "} } }"),
    "many unknown fields": many("{", "unknown#", "}"),
    "many figures": many("{ customers { nodes {", "a#: balanceAt { pending }", "} } }"),
    "many arguments": many("{ products(", "first: 1", ") { totalCount } }"),
    "many directives": many("{ products", "@include(if: true)", " { totalCount } }"),
    "many variables": many("query(", "$v#: Int = #", ") { products { totalCount } }"),
    "many uses": many("query($v: Int) {", "a#: products(first: $v) { totalCount }", "}"),
    "many comments": many("{ products { totalCount } }", "# #\n", ""),
    "many block strings": many("{ nodes(ids: [", '"""\n  a\n """', "]) { id } }"),
    "many list values": many("{ nodes(ids: [", '"a"', "]) { id } }"),
    "many object values": many("{ customers(filter: {and: [", "{}", "]}) { totalCount } }"),
    "many permissions": many("{ viewer {", "a#: permissions { coordinate action }", "} }"),
    "many explanations": many(
        "{ viewer {", 'a#: explainAccess(coordinate: "Customer.notes") { effect }', "} }"
    ),
    "many mixed": many("{ viewer { roles }", "a#: customers { totalCount }", "}"),
    "many schemas": many("{", "a#: __schema { ...S }", "} " + S),
    "many types": many(
        "{",
        'a#: __type(name: "Customer") { ...T }',
        "} "
        + S.replace("S on __Schema { types { fields", "T on __Type { fields").replace(
            "} } }", "} }"
        ),
    ),
    "many mutations": many(
        "mutation {", 'a#: createCustomer(input: {code: ""}) { userErrors { code } }', "}"
    ),
    "many errors": many(
        'mutation { createCustomer(input: {code: "", businessName: "", currency: "EUR"}) {',
        "a#: userErrors { code message path }",
        "} }",
    ),
    "deep selections": around("{ a ", "{ a ", "", "}", "}"),
    "deep fields": around("{ customers { nodes {", ENTRIES[:-6], "id", "} } }", "} } }"),
    "deep inline fragments": around("{", "... on Query {", "__typename", "}", "}"),
    "deep lists": around("{ nodes(ids: ", "[", "", "]", ") { id } }"),
    "deep objects": around("{ customers(filter: ", "{not: ", "{}", "}", ") { totalCount } }"),
    "deep variable types": around("query($a: ", "[", "Int", "]", ") { products { totalCount } }"),
    "deep types": around("{ __schema { types ", "{ ofType ", "{ name }", "}", "} }"),
    "only openings": long("{ a(b: ", "[", ""),
    "a long name": long("{ ", "a", " }"),
    "a long alias": long("{ ", "a", ": products { totalCount } }"),
    "a long text": long('{ node(id: "', "A", '") { id } }'),
    "a long text of escapes": long('{ node(id: "', "\\u0041", '") { id } }'),
    "a long block string": long('{ node(id: """', "  a\n", '""") { id } }'),
    "a text that does not end": long('{ node(id: """', ' \\"""', ""),
    "a long whole number": long("{ products(first: ", "9", ") { totalCount } }"),
    "a long fraction": long("{ products(first: 0.", "9", ") { totalCount } }"),
    "a long amount": long('{ customers(filter: {creditLimit: {gt: "', "9", '"}}) { totalCount } }'),
    "spaces": long("{ products { totalCount } }", " ,\n", ""),
    "signs": lambda chance, size: "".join(chance.choices('{}[]()":$@!|&=.a1# \n', k=size)),
}


def given(document: str, declared: str) -> Callable[[Chance, bytes], bytes]:
    """A body with these bytes as the variable."""
    query = orjson.dumps(f"query($v: {declared}) {{ {document} }}".replace("query($v", "query ($v"))

    def make(_: Chance, value: bytes) -> bytes:
        return b'{"query":%b,"variables":{"v":%b}}' % (query, value)

    return make


USES = {
    "unused": given("products { totalCount }", "Int"),
    "a filter": given("customers(filter: $v) { totalCount }", "CustomerFilter"),
    "ids": given("nodes(ids: $v) { id }", "[ID!]!"),
    "a text": given("customer(code: $v) { id }", "String!"),
    "an amount": given("customers(filter: {creditLimit: {gt: $v}}) { totalCount }", "Decimal"),
    "in many places": given(
        " ".join(f"a{n}: customers(filter: $v) {{ totalCount }}" for n in range(50)),
        "CustomerFilter",
    ),
}
VALUES: Mapping[str, Family] = {
    "empty lists": lambda _, size: b"[" + b"[]," * (size // 3) + b"[]]",
    "empty objects": lambda _, size: b'{"and":[' + b"{}," * (size // 3) + b"{}]}",
    "empty texts": lambda _, size: b"[" + b'"",' * (size // 3) + b'""]',
    "numbers": lambda _, size: b"[" + b"1," * (size // 2) + b"1]",
    "long texts": lambda _, size: b'["' + b"a" * size + b'"]',
    "tags": lambda _, size: b'{"tags":[' + b'"aaaaaaa",' * (size // 10) + b'""]}',
    "fields": lambda _, size: b"{" + b",".join(b'"%d":1' % n for n in range(size // 8 + 1)) + b"}",
    "one field": lambda _, size: b"{" + b'"and":[],' * (size // 9) + b'"and":[]}',
    "a long field": lambda _, size: b'{"' + b"a" * size + b'":1}',
    "deep lists": lambda chance, size: _deep(b"[", b"]", chance, size),
    "deep objects": lambda chance, size: _deep(b'{"not":', b"}", chance, size),
    "a text": lambda _, size: b'"' + b"A" * size + b'"',
    "escapes": lambda _, size: b'"' + b"\\u00e9" * (size // 6) + b'"',
    "NUL": lambda _, size: b'["' + b'\\u0000","' * (size // 9) + b'"]',
    "accents": lambda _, size: '"{}"'.format("e\u0301" * (size // 3)).encode(),
    "quotes": lambda _, size: b'"' + b'\\"' * (size // 2) + b'"',
    "digits": lambda _, size: b"9" * size,
    "digits in a text": lambda _, size: b'"' + b"9" * size + b'"',
    "a power": lambda _, size: b"1e" + b"9" * size,
    "no end": lambda _, size: b'["' + b'\\"[' * (size // 3),
    "only closing": lambda _, size: b"[" + b"]" * size,
    "no UTF-8": lambda _, size: b'"' + b"\xff" * size + b'"',
    "lines": lambda _, size: (
        b"[" + b'{"description":"a","quantity":"1","unitPrice":"1"},' * (size // 51) + b"{}]"
    ),
}
INVOICE = b"""{"query":"mutation($l: [LineItemInput!]!) { postInvoice(input: {customer: \\"a\\",\
 idempotencyKey: \\"a\\", lines: $l}) { userErrors { code } } }","variables":{"l":%b}}"""


def _deep(opening: bytes, closing: bytes, chance: Chance, size: int) -> bytes:
    depth = max(1, min(size // (len(opening) + 1), chance.choice([10, 60, 1000, MOST_BYTES])))
    return opening * depth + b"1" + closing * depth


def requests(first: int, count: int) -> Iterator[Hostile]:
    """Every family in turn, each time of another size."""
    families = [*DOCUMENTS, *(f"{use}: {name}" for use in (*USES, "lines") for name in VALUES)]
    for seed in range(first, first + count):
        turn, place = divmod(seed, len(families))
        yield request(families[place], seed, SIZES[turn] if turn < len(SIZES) else None)


def request(family: str, seed: int, size: int | None = None) -> Hostile:
    """The request of this family and seed; without a size, of one that the seed says."""
    chance = random.Random(seed)  # noqa: S311 - to be had again
    if size is None:
        # Half of them about as long as documents may be by their tokens.
        powers = (2, 6) if chance.random() < 0.5 else (3.5, 4.7)
        size = int(10 ** chance.uniform(*powers))
    size = max(20, size - 5000)
    if family in DOCUMENTS:
        text = DOCUMENTS[family](chance, size)
        assert isinstance(text, str)
        if size < 20_000 and chance.random() < 0.3:
            return Hostile(family, seed, f"query={quote(text[:15_000])}".encode(), is_get=True)
        return Hostile(family, seed, orjson.dumps({"query": text})[:MOST_BYTES])
    use, name = family.split(": ")
    value = VALUES[name](chance, size)
    assert isinstance(value, bytes)
    if use == "lines":
        return Hostile(family, seed, INVOICE % value)
    return Hostile(family, seed, USES[use](chance, value))


def count_of_families() -> int:
    """How many requests take every family once."""
    return len(DOCUMENTS) + len(VALUES) * (len(USES) + 1)
