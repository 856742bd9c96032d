"""Row scopes inside hand-written SQL: the predicate of a condition as text, binds by name."""

import re
from functools import lru_cache

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from app.models import customers
from app.policies.conditions import ScopeCondition
from app.policies.predicates import customer_visible

_NAMED = PGDialect_asyncpg(paramstyle="named")  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped
# The dialect writes `:name::TYPE`, which `text()` would not read as a bind.
_TYPED_BIND = re.compile(r":(\w+)::(\w+)")


@lru_cache(maxsize=256)
def customer_predicate(condition: ScopeCondition) -> str:
    """SQL that holds of the rows of `customers` that meet the condition, for `text()`.

    Binds `:viewer_id` and `:viewer_customer_id` where the condition needs them.
    """
    clause = customer_visible(condition, lambda column: customers.c[column.name])
    return _TYPED_BIND.sub(r"CAST(:\1 AS \2)", str(clause.compile(dialect=_NAMED)))
