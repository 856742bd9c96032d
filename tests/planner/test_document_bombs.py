"""Documents that stand for far more than they say cost what they say: every pass over them."""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    get_introspection_query,
    parse,
    validate,
)

from app.planner import documents, scanning
from app.planner.catalogue import Catalogue
from app.planner.documents import Documents, InvalidDocument
from app.planner.executed import ROWS
from app.planner.merging import Merging
from app.planner.scanning import scan
from app.schema.root import schema

SCHEMA = schema._schema
CATALOGUE = Catalogue(SCHEMA)

LOG_IN = 'a: login(input: {email: "a", password: "b"}) { accessToken }'
INSIDE: dict[str, tuple[str, str, str]] = {
    "public": ("mutation", "Mutation", LOG_IN),
    "planned": ("query", "Query", "products { nodes { sku } }"),
    "executed": ("query", "Query", "viewer { roles }"),
    "introspected": ("query", "Query", "__schema { types { name } }"),
    "nothing": ("query", "Query", "__typename"),
}


def spreading(kind: str, links: int, spread: Callable[[int, str], str]) -> str:
    """Fragments, each of which spreads the next one as `spread` writes it."""
    operation, on, inside = INSIDE[kind]
    fragments = [f"fragment F{n} on {on} {{ {spread(n, on)} }}" for n in range(links)]
    return " ".join(
        (f"{operation} {{ ...F0 }}", *fragments, f"fragment F{links} on {on} {{ {inside} }}")
    )


def twice(n: int, _on: str) -> str:
    return f"...F{n + 1} ...F{n + 1}"


def under_conditions(n: int, on: str) -> str:
    return f"... on {on} {{ ...F{n + 1} }} ... {{ ...F{n + 1} }}"


def with_directives(n: int, _on: str) -> str:
    return f"...F{n + 1} @include(if: true) ...F{n + 1} @skip(if: false)"


IN_ENTRIES = "ledgerEntries {{ nodes {{ customer {{ %s }} }} }}"
NESTED = {
    "pages": (
        "customers",
        "Customer",
        " ".join(f"{key}{{n}}: {IN_ENTRIES % '...F{m}'}" for key in "ab"),
    ),
    "one key": (
        "customers",
        "Customer",
        f"{IN_ENTRIES % '...F{m} ...F{m}'} {IN_ENTRIES % '...F{m}'}",
    ),
}


def nested(kind: str, links: int) -> str:
    """The same with fields in between: what is selected really doubles with each link."""
    root, on, written = NESTED[kind]
    fragments = [
        f"fragment F{n} on {on} {{ {written.format(n=n, m=n + 1)} }}" for n in range(links)
    ]
    return " ".join(
        (
            f"{{ {root} {{ nodes {{ ...F0 }} }} }}",
            *fragments,
            f"fragment F{links} on {on} {{ code }}",
        )
    )


LINKS = (23, 60, 150)
DOUBLING = {
    f"nested {kind} {links}": nested(kind, links) for kind in NESTED for links in (15, 40, 60)
}
BOMBS = {
    f"{kind} {how.__name__} {links}": spreading(kind, links, how)
    for kind in INSIDE
    for how in (twice, under_conditions, with_directives)
    for links in LINKS
} | DOUBLING


CALLS_PER_CHARACTER = 400
"""Far more than preparing takes; walking what a bomb stands for takes 2^23 and more."""


class TooMuchWork(Exception):
    """Ends what would not end."""


def bounded(work: Callable[[], object], calls: int) -> None:
    """Runs it, and raises TooMuchWork as soon as it has called that many functions."""
    left = calls

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal left
        left -= event in {"call", "c_call"}
        if left < 0:
            raise TooMuchWork

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_costs_what_it_says(text: str) -> None:
    kept = Documents(SCHEMA, CATALOGUE)

    with suppress(InvalidDocument):
        bounded(lambda: kept.get(text), CALLS_PER_CHARACTER * len(text))


@pytest.mark.parametrize("text", DOUBLING.values(), ids=DOUBLING.keys())
def test_what_really_doubles_is_refused_before_anything_walks_it(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "validate", lambda *_, **__: pytest.fail("walked"))

    with pytest.raises(InvalidDocument) as refused:
        Documents(SCHEMA, CATALOGUE).get(text)

    (error,) = refused.value.errors
    assert "written out" in error.message or " deep" in error.message


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_nothing_more_is_done_for_whom_it_is_not(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for later in ("check_extent", "validate", "Merging"):
        monkeypatch.setattr(documents, later, lambda *_, **__: pytest.fail("looked into it"))

    class NotForYou(Exception):
        pass

    def admits(_: object) -> None:
        raise NotForYou

    with pytest.raises(NotForYou):
        bounded(
            lambda: Documents(SCHEMA, CATALOGUE).get(text, admits), CALLS_PER_CHARACTER * len(text)
        )


def test_circles_of_fragments_are_told(kept: Documents) -> None:
    circles = (
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { ...B __typename } fragment B on Query { ...A }",
        "{ products { nodes { ...B } } } fragment B on Product { ... { ...B } }",
    )
    for text in circles:
        with pytest.raises(InvalidDocument, match="invalid") as refused:
            kept.get(text)
        assert "within itself" in refused.value.errors[0].message


def test_fragments_of_one_name_are_told(kept: Documents) -> None:
    with pytest.raises(InvalidDocument) as refused:
        kept.get("{ ...A } fragment A on Query { __typename } fragment A on Query { __typename }")

    (error,) = refused.value.errors
    assert error.message == "There can be only one fragment named 'A'."
    assert len(error.locations or ()) == 2


def test_many_spreads_of_modest_fragments_are_fine(kept: Documents) -> None:
    parts = " ".join(f"fragment P{n} on Customer {{ id code ...Name }}" for n in range(50))
    spread = " ".join(f"...P{n}" for n in range(50))
    kept.get(
        f"{{ customers {{ nodes {{ {spread} }} }} }} {parts}"
        " fragment Name on Customer { id businessName }"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{ " + "a " * scanning.MAX_TOKENS + "}", "tokens"),
        ("{ __typename }" + " " * scanning.MAX_CHARACTERS, "characters"),
        ("{ a(b: " + "[" * 300 + "]" * 300 + ") }", "deep"),
        ("{ a " * 300 + "}" * 300, "deep"),
        ("query ($a: " + "[" * 300 + "Int" + "]" * 300 + ") { a }", "deep"),
    ],
)
def test_what_is_too_much_is_not_parsed(
    text: str, reason: str, monkeypatch: pytest.MonkeyPatch, kept: Documents
) -> None:
    monkeypatch.setattr(documents, "parse", lambda *_, **__: pytest.fail("parsed"))

    with pytest.raises(InvalidDocument) as refused:
        kept.get(text)

    assert reason in refused.value.errors[0].message


@pytest.mark.parametrize(
    "inside",
    ['"[[[["', '"""[[[["""', '"\\"[[[["', '"""\\"""[[[["""', '"" # [[[[\n', '"""" [[[["""'],
)
def test_brackets_in_texts_and_comments_are_none(inside: str) -> None:
    text = f"{{ a(b: {inside}) }}".replace("[[[[", "[" * 1000)
    parse(text)

    assert scan(text) <= 10


@pytest.mark.parametrize(
    "text", ['"""' + ' \\"""' * 10_000, '"\\' * 30_000, '"' * 60_000, "#" * 90_000]
)
def test_texts_without_an_end_are_looked_at_once(text: str) -> None:
    before = time.thread_time()
    with suppress(GraphQLError):
        scan(text)

    # A pattern that goes back takes minutes for it.
    assert time.thread_time() - before < 1


SAID_WITH = (
    "a: code",
    "a: id",
    "a: businessName",
    "b: code",
    "b: status",
    "b: status @include(if: $yes)",
    "ledgerEntries(first: 1) { nodes { a: number } }",
    "ledgerEntries(first: 2) { nodes { a: number } }",
    "ledgerEntries(first: $first) { nodes { a: id } }",
    "a: ledgerEntries { totalCount }",
    "c: billingAddress { city }",
    "c: billingAddress { a: city }",
    "...One",
    "...Other",
    "... { ...One }",
    "... on Customer { b: code }",
    "l: ledgerEntries(filter: {type: [INVOICE], amount: {}}) { totalCount }",
    "l: ledgerEntries(filter: {amount: {}, type: [INVOICE]}) { totalCount }",
    "l: ledgerEntries(filter: {type: INVOICE, amount: {}}) { totalCount }",
)
ANY_NODE = (
    "id",
    "a: id",
    "... on Customer { a: code }",
    "... on Product { a: sku }",
    "... on Product { a: isActive }",
    "... on Customer { t: tags }",
    "... on Product { t: name }",
    "... on User { t: roles }",
    "... on Customer { ledgerEntries { nodes { a: number } } }",
    "... on Customer { ledgerEntries { nodes { a: currency } } }",
    "...One",
    "...Sku",
    "...Deep",
)


def said(random_: random.Random) -> str:
    """A document with fields that can be merged, or cannot."""

    def some(of: Sequence[str], most: int) -> str:
        return " ".join(random_.choices(of, k=random_.randint(1, most)))

    fragments = (
        f"fragment One on Customer {{ {some(SAID_WITH[:12], 3)} }}"
        f" fragment Other on Customer {{ {some(SAID_WITH[:13], 3)} }}"
        f" fragment Sku on Product {{ {some(('a: sku', 'a: name', 't: id'), 2)} }}"
        f" fragment Deep on Node {{ {some(ANY_NODE[:9], 3)} }}"
    )
    return (
        "query ($yes: Boolean = true, $first: Int = 1) {"
        f" customers {{ nodes {{ {some(SAID_WITH, 4)} }} x: nodes {{ {some(SAID_WITH, 2)} }} }}"
        f" customers {{ nodes {{ {some(SAID_WITH, 2)} }} }}"
        f' node(id: "a") {{ {some(ANY_NODE, 5)} }} node(id: "a") {{ {some(ANY_NODE, 2)} }}'
        " u1: customers(first: $first) { totalCount @include(if: $yes) nodes { ...One } }"
        " u2: customers { nodes { ...Other } } u3: products { nodes { ...Sku } }"
        ' u4: node(id: "a") { ...Deep }'
        f" }} {fragments}"
    )


def test_verdicts_on_merging_are_those_of_the_reference() -> None:
    verdicts = Counter[bool]()
    for seed in range(500):
        text = said(random.Random(seed))  # noqa: S311
        node = parse(text)
        fragments = {
            each.name.value: each
            for each in node.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        assert not validate(SCHEMA, node, documents.RULES), text
        expected = validate(SCHEMA, node, [OverlappingFieldsCanBeMergedRule])
        try:
            for each in node.definitions:
                if isinstance(each, OperationDefinitionNode):
                    Merging(SCHEMA, fragments).check(each)
            found = []
        except GraphQLError as error:
            found = [error]
        assert bool(found) == bool(expected), (text, found, expected)
        verdicts[bool(found)] += 1
        if found and expected:
            assert found[0].message.startswith("Fields '")
    assert min(verdicts.values()) > 10


def test_conflicts_are_told_from_the_outermost_key(kept: Documents) -> None:
    with pytest.raises(InvalidDocument) as refused:
        kept.get("{ products { nodes { a: sku } } products { nodes { a: name } } }")

    (error,) = refused.value.errors
    assert error.message == (
        "Fields 'products' conflict because subfields 'nodes' conflict because subfields 'a'"
        " conflict because 'sku' and 'name' are different fields. Use different aliases on the"
        " fields to fetch both if this was intentional."
    )


@pytest.mark.parametrize(
    ("text", "is_fine"),
    [
        (get_introspection_query(), True),
        ("{ __schema { types { fields { type { fields { type { name } } } } } } }", True),
        (
            "{ " + " ".join(f"a{n}: __schema {{ ...S }}" for n in range(300)) + " }"
            " fragment S on __Schema { types { fields { args { name } } } }",
            False,
        ),
        (get_introspection_query().replace("{", "{ viewer { roles } ", 1), False),
        ('{ viewer { roles } __type(name: "Customer") { name fields { name } } }', True),
        (
            "{ viewer { " + " ".join(f"a{n}: permissions {{ scope }}" for n in range(20)) + " } }",
            False,
        ),
        (
            "mutation { "
            + LOG_IN
            + " ...F } fragment F on Mutation { "
            + " ".join(LOG_IN.replace("a:", f"b{n}:") for n in range(20))
            + " }",
            False,
        ),
        (
            "mutation { " + " ".join(LOG_IN.replace("a:", f"b{n}:", 1) for n in range(20)) + " }",
            True,
        ),
    ],
)
def test_what_is_executed_has_a_bound_by_what_it_comes_to(
    text: str, is_fine: bool, kept: Documents
) -> None:
    if is_fine:
        kept.get(text)
        return
    with pytest.raises(InvalidDocument):
        kept.get(text)


def test_every_list_that_is_executed_says_how_long_it_is() -> None:
    """Else it would count as one row."""
    unplanned = [
        each.split(".") for each in CATALOGUE.unplanned if not each.startswith("Mutation.")
    ]
    lists = {
        f"{parent}.{name}"
        for parent, name in unplanned
        if str(SCHEMA.type_map[parent].fields[name].type).startswith("[")  # type: ignore[attr-defined]
        and parent
        not in {"LoginPayload", "LogoutPayload", "UserError"}  # of a bounded number of mutations
    }
    assert lists <= set(ROWS), lists - set(ROWS)


@pytest.fixture
def kept() -> Documents:
    return Documents(SCHEMA, CATALOGUE)
