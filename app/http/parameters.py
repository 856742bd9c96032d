"""The parameters of a GraphQL request, out of a JSON body or a query string.

Everything that comes from a client as JSON passes through here: it is an object, it does not nest
deeper than `MAX_DEPTH`, and no text in it holds NUL, which PostgreSQL cannot store.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from app.http import statuses
from app.http.refusals import Refused, refusal

MAX_DEPTH = 64
MAX_QUERY_STRING_FIELDS = 10

Path = tuple[str | int, ...]

_NO_VARIABLES: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a client asks. `variables` are not yet coerced."""

    query: str
    operation_name: str | None
    variables: dict[str, Any]


def from_json(body: bytes) -> Parameters:
    """The parameters of a POST. Raises Refused."""
    given = _loaded(body)
    # Both looks at the bytes rule the fault out; only if they cannot is the value walked.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH or b"\\u0000" in body:
        _check(given, ())
    if type(given) is not dict:
        what = "one operation at a time, not a list" if type(given) is list else "a JSON object"
        raise _malformed(f"Send {what}.")
    return _checked(given)


def from_query_string(query_string: bytes) -> Parameters:
    """The parameters of a GET. Raises Refused."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MAX_QUERY_STRING_FIELDS,
        )
    except ValueError:
        raise _malformed("The query string cannot be read.") from None
    given: dict[str, Any] = dict(pairs)
    if len(given) < len(pairs):
        raise _malformed("Give each parameter once.")
    for name in ("variables", "extensions"):
        if text := given.get(name):
            given[name] = _loaded(text.encode(), name)
        else:
            given.pop(name, None)
    given["operationName"] = given.get("operationName") or None
    _check(given, ())
    return _checked(given)


def _checked(given: dict[str, Any]) -> Parameters:
    query = given.get("query")
    if type(query) is not str or not query:
        raise _malformed("`query` is a text that is not empty.", "query")
    operation_name = given.get("operationName")
    if operation_name is not None and type(operation_name) is not str:
        raise _malformed("`operationName` is a text or null.", "operationName")
    variables = given.get("variables")
    if variables is None:
        variables = _NO_VARIABLES
    elif type(variables) is not dict:
        raise _malformed("`variables` is an object or null.", "variables")
    extensions = given.get("extensions")
    if extensions is not None and type(extensions) is not dict:
        raise _malformed("`extensions` is an object or null.", "extensions")
    return Parameters(query, operation_name, variables)


def _loaded(text: bytes, *path: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _malformed("This is not JSON.", *path) from None


def _check(value: Any, path: Path) -> None:
    """Refuse what nests too deep and texts with NUL, names of fields included."""
    pending: list[tuple[Any, Path]] = [(value, path)]
    while pending:
        value, path = pending.pop()
        if type(value) is str:
            if "\0" in value:
                raise _malformed("Text has no NUL characters.", *path)
        elif type(value) is dict:
            _check_depth(path)
            for name, inner in value.items():
                if "\0" in name:
                    raise _malformed("Names have no NUL characters.", *path)
                pending.append((inner, (*path, name)))
        elif type(value) is list:
            _check_depth(path)
            pending.extend((inner, (*path, index)) for index, inner in enumerate(value))


def _check_depth(path: Path) -> None:
    if len(path) >= MAX_DEPTH:
        raise _malformed(f"JSON nests at most {MAX_DEPTH} deep here.")


def _malformed(message: str, *path: str | int) -> Refused:
    return refusal(statuses.MALFORMED, message, *path)
