"""Row scopes inside hand-written SQL: the predicate of a condition as text, binds by name."""

from functools import lru_cache

from sqlalchemy.dialects.postgresql.base import PGDialect

from app.models import customers
from app.policies.conditions import ScopeCondition
from app.policies.predicates import customer_visible

_NAMED = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped


@lru_cache(maxsize=256)
def customer_predicate(condition: ScopeCondition) -> str:
    """SQL that holds of the rows of `customers` that meet the condition.

    Binds `:viewer_id` and `:viewer_customer_id` where the condition needs them.
    """
    clause = customer_visible(condition, lambda column: customers.c[column.name])
    return str(clause.compile(dialect=_NAMED))
