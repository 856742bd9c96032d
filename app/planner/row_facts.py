"""What holds of one row for one viewer: for `explainAccess`, which asks about a row by its id."""

from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, select

from app.domain.global_id import GlobalId
from app.infra.database import Database, Statement
from app.planner.access import Guards, visible
from app.planner.catalogue import Catalogue
from app.planner.rows import TableRow
from app.policies.actor import Actor
from app.policies.conditions import ScopeCondition
from app.policies.scopes import Scope

_FACTS = (Scope.TEAM, Scope.OWN, Scope.SELF)


async def row_facts(
    database: Database, catalogue: Catalogue, actor: Actor, asked: GlobalId
) -> frozenset[Scope] | None:
    """The scopes that hold of the row; None for a row that does not exist for the viewer."""
    planned_type = catalogue.types.get(asked.type_name)
    if planned_type is None:
        return None
    statement = _statement(catalogue, asked.type_name, Guards(actor.grant).rows(planned_type))
    values: dict[str, Any] = {
        "row_id": asked.id,
        "customer_id": asked.customer_id or UUID(int=0),
        "viewer_id": actor.user_id,
        "viewer_customer_id": actor.customer_id,
    }
    row = await database.read_pool.fetchrow(statement.sql, *statement.arguments(values))
    if row is None:
        return None
    return frozenset(scope for scope, holds in zip(_FACTS, row, strict=True) if holds)


@lru_cache(maxsize=256)
def _statement(catalogue: Catalogue, type_name: str, rows: ScopeCondition) -> Statement:
    source = catalogue.type(type_name).source
    assert source is not None
    row = TableRow("t", source)
    facts = [
        visible(source, ScopeCondition.of(scope), row).label(scope.lower()) for scope in _FACTS
    ]
    match = [row[source.key[-1]] == bindparam("row_id", type_=Uuid())]
    if len(source.key) > 1:
        match.append(row[source.key[0]] == bindparam("customer_id", type_=Uuid()))
    seen = visible(source, rows, row)
    return Statement(select(*facts).select_from(row.from_clause()).where(*match, seen))
