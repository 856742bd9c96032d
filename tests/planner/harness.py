"""Runs operations through the planner as any user of a database, and collects what comes out."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from graphql import GraphQLError
from graphql.execution.values import get_variable_values

from app.domain.errors import DomainError
from app.infra.database import Database
from app.planner.catalogue import Catalogue
from app.planner.documents import Documents, InvalidDocument
from app.planner.plans import Answer, Fetches, Plans, Stamp
from app.policies.compile import compile_grant
from app.policies.policy import Policy, shipped_policy
from app.policies.roles import Role
from app.schema.root import schema
from tests.planner.sight import Sight, guard_groups, plain_schema
from tests.planner.world import Row, World

INITIAL_VERSION = 1
GRAPHQL = schema._schema
PLAIN = plain_schema(schema.as_str())
GROUPS = guard_groups(PLAIN)
POLICY = shipped_policy(INITIAL_VERSION)


@dataclass(frozen=True)
class Outcome:
    """Everything that a caller could learn, byte for byte."""

    json: str | None = None
    withheld: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    code: str | None = None
    message: str | None = None
    path: tuple[str, ...] = ()
    details: Any = None


class Planned:
    """The planner on one database, for tests that are no coroutines."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self.url = url
        self.runner = runner
        self.catalogue = Catalogue(GRAPHQL)
        self.documents = Documents(GRAPHQL, self.catalogue)
        self.plans = Plans(self.catalogue)
        self.database = Database(url, pool_size=2)
        runner.run(self.database.open())

    def close(self) -> None:
        self.runner.run(self.database.close())

    def forget_plans(self) -> None:
        """After the planner itself was changed."""
        self.plans = Plans(self.catalogue)

    def as_owner(self, work: Any) -> Any:
        """Run `work(connection)` past every privilege."""

        async def connected() -> Any:
            connection = await asyncpg.connect(self.url)
            try:
                return await work(connection)
            finally:
                await connection.close()

        return self.runner.run(connected())

    def ask(
        self,
        viewer: Row,
        text: str,
        variables: Mapping[str, Any] | None = None,
        policy: Policy = POLICY,
    ) -> Outcome:
        return self.runner.run(self.asking(viewer, text, variables, policy))

    async def asking(
        self,
        viewer: Row,
        text: str,
        variables: Mapping[str, Any] | None = None,
        policy: Policy = POLICY,
    ) -> Outcome:
        """The answer, or the typed refusal. Whatever else is raised is a fault."""
        try:
            answer = await self.run(self.database.read_pool, viewer, text, variables, policy)
        except DomainError as error:
            return Outcome(
                code=error.code,
                message=error.message,
                path=error.path,
                details=dict(error.details) if error.details else None,
            )
        except GraphQLError as error:
            return Outcome(code="GRAPHQL", message=error.message)
        return Outcome(json=answer.json, withheld=answer.withheld, masked=answer.masked)

    async def run(
        self,
        connection: Fetches,
        viewer: Row,
        text: str,
        variables: Mapping[str, Any] | None = None,
        policy: Policy = POLICY,
    ) -> Answer:
        """The plan's own answer, over a connection of the caller's."""
        grant = compile_grant(
            policy, user_id=viewer["id"], roles=[Role(each) for each in viewer["roles"]]
        )
        try:
            document = self.documents.get(text)
        except InvalidDocument as invalid:
            raise AssertionError(f"{invalid.errors}\n{text}") from invalid
        operation = document.operation(None)
        assert operation.is_planned, text
        given = get_variable_values(
            GRAPHQL, operation.node.variable_definitions or (), dict(variables or {})
        )
        assert not isinstance(given, list), f"{given}\n{text}\n{variables}"
        context = {
            "viewer_id": viewer["id"],
            "viewer_customer_id": viewer["customer_id"],
        }
        plan = await self.plans.plan(
            document, "test", "Query", (operation.node.selection_set,), given, grant
        )
        stamp = Stamp(viewer["access_version"], policy.version)
        return await plan.run(connection, given.coerced, context, stamp)


def sight_of(world: World, name: str, policy: Policy = POLICY) -> Sight:
    """A person's view of a world."""
    viewer = world.user(name)
    grant = compile_grant(
        policy, user_id=viewer["id"], roles=[Role(each) for each in viewer["roles"]]
    )
    return Sight(world, viewer, grant, GROUPS)
