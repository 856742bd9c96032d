"""What is wrong with a value is told without the value, whatever and wherever it is."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pytest
from graphql import (
    DefinitionNode,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    OperationDefinitionNode,
    is_input_type,
    is_list_type,
    is_non_null_type,
    parse,
)

from app.http.refusals import Refused, refusal_of
from app.http.variables import Variables
from app.planner.catalogue import Catalogue
from app.planner.documents import Documents, InvalidDocument, Operation
from app.schema.root import schema as root

SCHEMA = root._schema
DOCUMENTS = Documents(SCHEMA, Catalogue(SCHEMA))
INPUTS = [each for each in SCHEMA.type_map.values() if is_input_type(each)]
TEXTS = (
    "canary",
    "canary' does not exist in 'canary' enum. canary",
    "canary', found: canary: canary, but encountered error 'canary'; found: canary",
    "canary cannot represent a canary value: canary",
    "canary\" \\\n'canary",
)
LEAVES = (*TEXTS, 192837465, -192837465, 192837465 * 10**30, 192837465.25)
VALUES = (
    None,
    True,
    *LEAVES,
    *([each] for each in LEAVES),
    *({"x": each} for each in LEAVES),
    [[{"x": ["canary"]}, 192837465]],
)
LITERALS = (
    "null",
    "true",
    "canary",
    "192837465",
    "192837465.25",
    '"""canary"""',
    '["canary", 192837465]',
    '{x: "canary", y: [192837465, canary]}',
    *(orjson.dumps(each).decode() for each in TEXTS),
)
NESTED = ('{x: "canary", y: [192837465, canary]}', "192837465", '"canary"', "canary")
SYNTAX = (
    '{ a "canary" }',
    '{ a(b: c "canary: canary") }',
    "{ a(b: c 'canary') }",
    '{ a """canary\n\'canary""" }',
    '"canary',
    "{ a(b: c 192837465) }",
    "{ a 192837465.25 }",
    "{ a(b: .192837465) }",
    "{ a(b: 0192837465) }",
    "{ a(b: 192837465x) }",
    r'{ a(b: "\u{canary}") }',
    '"canary" { a }',
    'query ($a: String = "canary" "canary") { a }',
)


def quoted(told: Iterable[Any]) -> list[str]:
    text = orjson.dumps(list(told)).decode()
    return [each for each in ("canary", "192837465", "1.92837465") if each in text]


def placed(
    type_: GraphQLInputType, value: Any, outside: tuple[GraphQLInputType, ...] = ()
) -> Iterator[Any]:
    """The value at every place of an input of this type; once where types hold themselves."""
    yield value
    if is_non_null_type(type_):
        yield from placed(type_.of_type, value, outside)
    elif is_list_type(type_):
        yield from ([None, inner] for inner in placed(type_.of_type, value, outside))
    elif isinstance(type_, GraphQLInputObjectType) and type_ not in outside:
        yield {"unknown": value}
        for name, field in type_.fields.items():
            for inner in placed(field.type, value, (*outside, type_)):
                yield {name: inner}


def told_of_variable(type_: GraphQLInputType, value: Any) -> list[Any]:
    return told_of_node(parse(f"query($v: {type_}) {{ __typename }}").definitions[0], value)


def told_of_node(node: DefinitionNode, value: Any) -> list[Any]:
    assert isinstance(node, OperationDefinitionNode)
    asked = Operation(name=None, node=node, is_planned=False, root_fields=frozenset())
    try:
        Variables(SCHEMA).coerced(asked, {"v": value})
    except Refused as refused:
        return refused.errors
    return []


def told_of_document(text: str) -> list[Any]:
    with pytest.raises(InvalidDocument) as refused:
        DOCUMENTS.get(text)
    return refusal_of(refused.value, "id").errors


def written(value: Any) -> str:
    """A literal that holds literals."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {written(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return value or "null"


@pytest.mark.parametrize("type_", INPUTS, ids=str)
def test_no_value_of_a_variable_comes_back(type_: GraphQLInputType) -> None:
    for declared in (type_, GraphQLNonNull(GraphQLList(GraphQLNonNull(type_)))):
        for value in VALUES:
            for given in placed(declared, value):
                told = told_of_variable(declared, given)
                assert not quoted(told), given


@pytest.mark.parametrize("type_", INPUTS, ids=str)
def test_no_literal_of_a_document_comes_back(type_: GraphQLInputType) -> None:
    # Places inside an object differ by their types, and each of those is tried with all of them.
    inside = [given for value in NESTED for given in placed(type_, value)]
    for given in (*LITERALS, *inside):
        text = f"query($v: {type_} = {written(given)}) {{ __typename }}"
        assert not quoted(told_of_document(text)), text


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        ("String!", 192837465, ": String cannot represent a non string value."),
        ("[Int!]", [1, 2**31], " at [1]: Int cannot represent non 32-bit signed integer value."),
        ("Direction", "canary", ": This value does not exist in 'Direction' enum."),
        ("Direction", 1, ": Enum 'Direction' cannot represent non-string value."),
        ("LoginInput", "canary", ": Expected value of type 'LoginInput' to be an object."),
        (
            "LoginInput",
            {"email": "canary", "pass": "canary", "password": ""},
            ": Expected value of type 'LoginInput' not to include unknown field 'pass'.",
        ),
        ("LoginInput", {"email": "", "password": 1}, " at .password: String cannot represent a"),
        ("Date", "canary", ': A Date is text such as "2026-01-31".'),
    ],
)
def test_all_the_rest_is_said(type_: str, value: Any, message: str) -> None:
    (node,) = parse(f"query($v: {type_}) {{ __typename }}").definitions
    (told,) = told_of_node(node, value)
    assert told["message"].startswith(f"Variable '$v' has invalid value{message}")
    assert told["locations"] == [{"line": 1, "column": 7}]


@pytest.mark.parametrize("text", SYNTAX)
def test_no_literal_comes_back_of_what_is_no_document(text: str) -> None:
    (error,) = told_of_document(text)
    assert error["message"].startswith("Syntax Error: ")
    assert error["locations"]
    assert not quoted([error])
