"""The edge of reads: plans run on the read pool, again when the viewer turns out to be stale."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any

import asyncpg
import orjson
from graphql import SelectionSetNode
from strawberry.types import Info

from app.domain.errors import DomainError
from app.planner.plans import Answer, Fetches, Plan, Stale, Stamp
from app.policies.actor import Actor
from app.resolvers.context import Context

MAX_ATTEMPTS = 5


class Reader:
    """Planned reads of one request."""

    def __init__(self, context: Context) -> None:
        self.context = context

    async def operation(self) -> Answer:
        """The whole operation as one statement: the value of `data`."""
        context = self.context
        place = ("operation", context.operation.name)
        selection_sets = (context.operation.node.selection_set,)
        return await self._answer(
            lambda actor: plan_selection(context, place, "Query", selection_sets, actor)
        )

    async def field(self, info: Info[Context, None]) -> orjson.Fragment:
        """One planned field beside others that are not."""
        parent = info._raw_info.parent_type.name  # noqa: SLF001 - Strawberry does not hand it on
        answer = await self.selection(parent, info, only_value=True)
        return orjson.Fragment(answer.json)

    async def selection(
        self,
        type_name: str,
        info: Info[Context, None],
        extra: Mapping[str, Any] | None = None,
        *,
        only_value: bool = False,
    ) -> Answer:
        """The selection under a field; with `only_value`, the field itself, of a root type."""
        place, selection_sets = selected_under(info, whole_field=only_value)
        answer = await self._answer(
            lambda actor: plan_selection(
                self.context, place, type_name, selection_sets, actor, only_value=only_value
            ),
            extra,
        )
        note(self.context, answer)
        return answer

    async def _answer(
        self, plan_for: Callable[[Actor], Awaitable[Plan]], extra: Mapping[str, Any] | None = None
    ) -> Answer:
        context = self.context
        pool = context.program.database.read_pool
        for _ in range(MAX_ATTEMPTS):
            actor = context.signed_in()
            try:
                plan = await plan_for(actor)
                share = context.program.database.share_of_user(actor.user_id)
                return await run(plan, pool.within(share), context, actor, extra)
            except Stale:
                context.actor = await context.actor_now()
            except (DomainError, asyncpg.PostgresError):
                # Refused before any statement compared the stamp, or by one that then did not:
                # whoever may no longer ask learns nothing of why.
                if not await context.renew_if_stale():
                    raise
        raise RuntimeError("the viewer or the policy changes faster than one statement runs")


async def plan_selection(
    context: Context,
    place: Hashable,
    type_name: str,
    selection_sets: Sequence[SelectionSetNode],
    actor: Actor,
    *,
    only_value: bool = False,
) -> Plan:
    """The plan of a selection of this request's document, for an actor."""
    return await context.program.plans.plan(
        context.document,
        place,
        type_name,
        selection_sets,
        context.variables,
        actor.grant,
        who=actor.user_id,
        only_value=only_value,
    )


async def run(
    plan: Plan,
    connection: Fetches,
    context: Context,
    actor: Actor,
    extra: Mapping[str, Any] | None = None,
) -> Answer:
    """Run a plan for an actor on a pool or inside a transaction. Raises Stale."""
    stamp = Stamp(actor.access_version, actor.grant.version)
    return await plan.run(connection, context.variables.coerced, context.bindings(extra), stamp)


def note(context: Context, answer: Answer) -> None:
    """Remember for `extensions` what was kept back."""
    context.withheld.update(dict.fromkeys(answer.withheld))
    context.masked.update(dict.fromkeys(answer.masked))


def selected_under(
    info: Info[Context, None], *, whole_field: bool
) -> tuple[Hashable, tuple[SelectionSetNode, ...]]:
    """What a resolver's field selects, and the place in the document that names the selection."""
    raw = info._raw_info  # noqa: SLF001 - Strawberry offers its own wrappers of nodes only
    path = raw.path.as_list()
    # Named apart from whole operations: an operation and a response key may be called the same.
    place = ("field", info.context.operation.name, *path)
    if whole_field:
        return place, (SelectionSetNode(selections=tuple(raw.field_nodes)),)
    sets = (node.selection_set for node in raw.field_nodes)
    return place, tuple(each for each in sets if each)
