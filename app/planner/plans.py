"""Plans: statements compiled once per shape, kept in a bounded cache, run with one round trip.

Every plan also reads how the viewer stands at that instant (`users.access_version`, the policy's
version) in the same snapshot as the data. An answer whose stamp is not the one the plan was made
for is thrown away by the caller, who compiles anew: a stale grant never decides anything.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from asyncpg import PostgresError
from graphql import SelectionSetNode
from graphql.execution.values import VariableValues
from sqlalchemy import Label, select

from app.domain.errors import Invalid
from app.infra.database import Statement
from app.infra.turns import Turns
from app.models import policy_state, users
from app.planner.bounds import Amounts, check_bound
from app.planner.catalogue import Catalogue
from app.planner.compiler import Compiler
from app.planner.documents import Document
from app.planner.values import Binding, Constant, Span, as_given, shape
from app.policies.grant import Grant
from app.policies.predicates import viewer_id

MAX_PLANS = 2000
# Of the statements of all plans kept.
MAX_KEPT_CHARACTERS = 50_000_000
# Raised by `at_most`: a list has more rows than an answer may have.
_TOO_LONG = "CF001"


class Stale(Exception):
    """The viewer or the policy has changed since the plan's grant was compiled."""


class Fetches(Protocol):
    """A pool, or a transaction's connection."""

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """The first row."""
        ...


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a viewer's grant was made from."""

    access_version: int
    policy_version: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Finished JSON, and the coordinates that were kept back from it."""

    json: str
    withheld: tuple[str, ...]
    masked: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One compiled statement. Its first two columns are the stamp, the others JSON by field.

    The fields are put together here: PostgreSQL would copy the whole answer once more for it.
    `openings` is what stands before each value in the object; None: the one value is all.

    `unused` are values that nothing selected depends on. They are checked all the same, so that
    an argument is refused whatever is selected beside it.
    """

    sql: str
    slots: tuple[str | Binding, ...]
    openings: tuple[str, ...] | None
    unused: tuple[Binding, ...]
    amounts: Amounts
    spans: tuple[Span, ...]
    withheld: tuple[str, ...]
    masked: tuple[str, ...]

    async def run(
        self,
        connection: Fetches,
        variables: Mapping[str, Any],
        context: Mapping[str, Any],
        stamp: Stamp,
    ) -> Answer:
        """One round trip. Raises Stale, and the refusals of bound values (bad ids, cursors...)."""
        for binding in self.unused:
            binding.convert(binding.origin.read(variables))
        for span in self.spans:
            span.check(variables)
        values = [
            context[slot] if isinstance(slot, str) else slot.origin.read(variables)
            for slot in self.slots
        ]
        check_bound(values)
        arguments = [
            value if isinstance(slot, str) else slot.convert(value)
            for slot, value in zip(self.slots, values, strict=True)
        ]
        self.amounts.check(arguments)
        try:
            row = await connection.fetchrow(self.sql, *arguments)
        except PostgresError as error:
            if error.sqlstate != _TOO_LONG:
                raise
            raise Invalid(error.args[0], *(error.detail or "").split(".")) from error
        if row is None or row[0] != stamp.access_version or row[1] != stamp.policy_version:
            raise Stale
        return Answer(self._json(row), self.withheld, self.masked)

    def _json(self, row: Sequence[Any]) -> str:
        if self.openings is None:
            return row[2] or "null"
        parts = ["{"]
        for opening, value in zip(self.openings, row[2:], strict=True):
            parts += (opening, value or "null")
        parts.append("}")
        return "".join(parts)


class Plans:
    """Compiles selections for a grant and keeps what it compiled.

    Without `turns`, compiling has threads of its own.
    """

    def __init__(self, catalogue: Catalogue, turns: Turns | None = None) -> None:
        self._catalogue = catalogue
        self._turns = turns or Turns()
        self._kept: OrderedDict[Hashable, Plan] = OrderedDict()
        self._characters = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def plan(
        self,
        document: Document,
        place: Hashable,
        type_name: str,
        selection_sets: Sequence[SelectionSetNode],
        variables: VariableValues,
        grant: Grant,
        *,
        who: Hashable = None,
        only_value: bool = False,
    ) -> Plan:
        """The plan for selections on a root type, at a `place` of the document that names them.

        With `only_value` the JSON is the value of the single field selected, not an object. What
        was not compiled yet is compiled aside, for which nobody but `who` asked for it waits.
        """
        key = (
            document.key,
            place,
            shape(variables.coerced) if variables.coerced else None,
            grant.fingerprint,
            grant.version,
        )
        plan = self._kept.get(key)
        if plan is None:
            self.misses += 1
            compile_it = partial(
                self._compile,
                document,
                type_name,
                selection_sets,
                variables,
                grant,
                only_value=only_value,
            )
            plan = await self._turns.take(who, lambda: self._kept.get(key) or compile_it())
            self._keep(key, plan)
        else:
            self.hits += 1
            self._kept.move_to_end(key)
        return plan

    def _keep(self, key: Hashable, plan: Plan) -> None:
        if key not in self._kept:  # another request may have been faster
            self._kept[key] = plan
            self._characters += len(plan.sql)
        while len(self._kept) > MAX_PLANS or self._characters > MAX_KEPT_CHARACTERS:
            _, oldest = self._kept.popitem(last=False)
            self._characters -= len(oldest.sql)

    def _compile(
        self,
        document: Document,
        type_name: str,
        selection_sets: Sequence[SelectionSetNode],
        variables: VariableValues,
        grant: Grant,
        *,
        only_value: bool,
    ) -> Plan:
        compiler = Compiler(self._catalogue, grant, document.fragments, variables)
        columns = compiler.root_columns(type_name, selection_sets)
        statement = Statement(
            select(users.c.access_version, policy_state.c.version, *columns)
            .select_from(users)
            .join(policy_state, policy_state.c.singleton)
            .where(users.c.id == viewer_id())
        )
        bindings = compiler.binder.bindings
        used = set(statement.names)
        return Plan(
            sql=statement.sql,
            slots=tuple(
                Binding(name, Constant(statement.defaults[name]), as_given)
                if name in statement.defaults
                else bindings.get(name, name)
                for name in statement.names
            ),
            openings=None if only_value else _openings(columns),
            unused=tuple(each for name, each in bindings.items() if name not in used),
            amounts=compiler.bounds.amounts(statement.names),
            spans=tuple(compiler.spans),
            withheld=tuple(sorted(compiler.guards.withheld)),
            masked=tuple(sorted(compiler.guards.masked)),
        )


def _openings(columns: Sequence[Label[Any]]) -> tuple[str, ...]:
    """What stands before each value of an object. Response keys need no escapes in JSON."""
    return tuple(f'{"," if place else ""}"{each.name}":' for place, each in enumerate(columns))
