"""Fuzzy search by trigrams, over the fields that the viewer may read whole."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Text, false, func, literal_column, or_
from sqlalchemy.types import REAL

from app.domain.errors import Forbidden, Invalid
from app.models import case_folded
from app.planner.catalogue import PlannedType
from app.planner.filters import escaped_pattern
from app.planner.rows import TableRow
from app.planner.values import Arguments
from app.policies.conditions import ScopeCondition
from app.schema.types.declaration import Leaf

if TYPE_CHECKING:
    from app.planner.compiler import Compiler

MAX_SEARCH_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Search:
    """Which rows match, and how well: 0 to 1."""

    matches: ColumnElement[bool]
    score: ColumnElement[Any]


def compile_search(
    compiler: "Compiler",
    planned_type: PlannedType,
    row: TableRow,
    rows: ScopeCondition,
    arguments: Arguments,
) -> Search:
    """Similar words or a contained text, in any searchable field; a hit does not say which.

    Read from the top of the filter only, so that there is one order of relevance.
    """
    fields = [
        planned_type.fields[name]
        for name in (planned_type.source.searched if planned_type.source else ())
        if compiler.guards.access(planned_type.fields[name]).is_whole_for(rows)
    ]
    path = (*arguments.path, "filter", "search")
    if not fields:
        raise Forbidden(f"{planned_type.name}.search", *path)
    origin = arguments.origin("filter", "search")
    sought = case_folded(compiler.binder.bind(Text(), origin, lambda text: _words(text, path)))
    pattern = case_folded(
        compiler.binder.bind(
            Text(), origin, lambda text: f"%{escaped_pattern(_words(text, path))}%"
        )
    )
    values = []
    for field in fields:
        assert isinstance(field.declaration, Leaf)
        values.append(case_folded(field.declaration.value(row)))
    matches = or_(
        false(),
        *(or_(sought.op("<%", is_comparison=True)(value), value.like(pattern)) for value in values),
    )
    score: ColumnElement[Any] = func.greatest(
        *(
            func.coalesce(func.word_similarity(sought, value), literal_column("0::real"))
            for value in values
        ),
        type_=REAL(),
    )
    return Search(matches=matches, score=score)


def _words(text: str, path: tuple[str, ...]) -> str:
    if "\x00" in text or not text.strip() or len(text) > MAX_SEARCH_LENGTH:
        raise Invalid(f"A search is 1 to {MAX_SEARCH_LENGTH} characters of text.", *path)
    return text.strip()
