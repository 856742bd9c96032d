"""The parameters of a GraphQL request, out of a JSON body or a query string.

Everything that comes from a client as JSON passes through here: it is an object, it has no more
values and nests no deeper than `json_bounds.py` says, and no text in it holds NUL, which PostgreSQL
cannot store.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from app.http import statuses
from app.http.json_bounds import MAX_DEPTH, check_bounds
from app.http.refusals import Refused, refusal

MAX_QUERY_STRING_FIELDS = 10

Path = tuple[str | int, ...]

_NO_VARIABLES: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a client asks. `variables` are not yet coerced; there are no more values than `values`
    in them.
    """

    query: str
    operation_name: str | None
    variables: dict[str, Any]
    values: int


def from_json(body: bytes) -> Parameters:
    """The parameters of a POST. Raises Refused."""
    values = check_bounds(body)
    given = _loaded(body)
    if b"\\u0000" in body:
        _check_texts(given, ())
    if type(given) is not dict:
        what = "one operation at a time, not a list" if type(given) is list else "a JSON object"
        raise _malformed(f"Send {what}.")
    return _checked(given, values)


def from_query_string(query_string: bytes, limit_bytes: int) -> Parameters:
    """The parameters of a GET. Raises Refused."""
    if len(query_string) > limit_bytes:
        message = f"A request has at most {limit_bytes} bytes."
        raise refusal(statuses.TOO_LARGE, message)
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
    values = 0
    for name in ("variables", "extensions"):
        if text := given.get(name):
            encoded = text.encode()
            values += check_bounds(encoded, name, depth=MAX_DEPTH - 1)
            given[name] = _loaded(encoded, name)
        else:
            given.pop(name, None)
    given["operationName"] = given.get("operationName") or None
    _check_texts(given, ())
    return _checked(given, values)


def _checked(given: dict[str, Any], values: int) -> Parameters:
    extensions = given.get("extensions")
    if extensions is not None and type(extensions) is not dict:
        raise _malformed("`extensions` is an object or null.", "extensions")
    if given.get("documentId") is not None:
        message = "No documents are kept here: send the text as `query`, without `documentId`."
        raise _malformed(message, "documentId")
    query = given.get("query")
    if not query and extensions and extensions.get("persistedQuery") is not None:
        # Word for word what Apollo's links wait for to send the text, now and from then on.
        raise refusal(statuses.PERSISTED_QUERY_NOT_SUPPORTED, "PersistedQueryNotSupported")
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
    return Parameters(query, operation_name, variables, values)


def _loaded(text: bytes, *path: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _malformed("This is not JSON.", *path) from None


def _check_texts(value: Any, path: Path) -> None:
    """Refuse texts with NUL, names of fields included."""
    pending: list[tuple[Any, Path]] = [(value, path)]
    while pending:
        value, path = pending.pop()
        if type(value) is str:
            if "\0" in value:
                raise _malformed("Text has no NUL characters.", *path)
        elif type(value) is dict:
            for name, inner in value.items():
                if "\0" in name:
                    raise _malformed("Names have no NUL characters.", *path)
                pending.append((inner, (*path, name)))
        elif type(value) is list:
            pending.extend((inner, (*path, index)) for index, inner in enumerate(value))


def _malformed(message: str, *path: str | int) -> Refused:
    return refusal(statuses.MALFORMED, message, *path)
