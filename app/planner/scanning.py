"""A first look at a document's text: one pass of a pattern, before anything is built of it.

The parser descends once for each bracket and keeps every comment; what is refused here costs nobody
more than reading it.
"""

import re

from graphql import GraphQLError

MAX_CHARACTERS = 1_000_000
MAX_TOKENS = 5000
MAX_NESTING = 200

# Possessive throughout: no character is looked at again. Texts that do not end match nothing but
# `broken`, where the parser stops, too.
_LEXEMES = re.compile(
    r"""
    (?: [ \t\n\r,\ufeff]++ | \#[^\n\r]*+ )++
    | (?P<opening> [\[{(] )
    | (?P<closing> [\]})] )
    | (?P<token> \"\"\" (?: [^"\\]++ | \\\"\"\" | \\ | "(?!"") )*+ \"\"\" )
    | (?P<broken> \"\"\" )
    | (?P<text> " (?: [^"\\\n\r]++ | \\[^\n\r] )*+ " )
    | (?P<cut> " )
    | (?P<word> \w++ | \.\.\. | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_BROKEN = frozenset({"broken", "cut"})


def scan(text: str) -> int:
    """The number of tokens, up to the first that is broken: that one the parser tells of.

    Raises GraphQLError where there is more than a document may have.
    """
    if len(text) > MAX_CHARACTERS:
        raise GraphQLError(f"A document has at most {MAX_CHARACTERS} characters.")
    tokens = depth = 0
    for lexeme in _LEXEMES.finditer(text):
        kind = lexeme.lastgroup
        if kind is None:
            continue
        if kind in _BROKEN:
            break
        tokens += 1
        if tokens > MAX_TOKENS:
            raise GraphQLError(f"A document has at most {MAX_TOKENS} tokens.")
        if kind == "opening":
            depth += 1
            if depth > MAX_NESTING:
                raise GraphQLError(f"Brackets nest at most {MAX_NESTING} deep in a document.")
        elif kind == "closing":
            depth -= 1
    return tokens
