"""Who is asking, as of when: actors with compiled grants, kept per process.

Staleness is nobody's problem but the reader's: an actor carries its *stamp*, the user's
`access_version` and the policy's version. Every statement that answers a request compares both with
the rows of its own snapshot (`is_current` does it for a transaction) and answers nothing on a
mismatch. So a suspension, a change of role or of the policy counts for the very next statement, and
a cache here, or a lost message that should have cleared it, can delay nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import text

from app.infra.bounded_map import BoundedMap
from app.infra.database import Database, Row, Statement, Transaction
from app.policies.actor import Actor
from app.policies.compile import compile_grant
from app.policies.policy import Policy, shipped_policy
from app.policies.roles import Role
from app.policies.rules import Rule, rule_from

REMEMBERED = 10_000
NO_POLICY = -1
OUTSIDE_ANY_REQUEST = "-"

# The rules are sent only to a process that does not know this version of them yet.
VIEWER = Statement(
    text("""
    SELECT users.roles, users.customer_id, users.team_id, users.is_active, users.access_version,
        policy_state.version AS policy_version,
        CASE WHEN policy_state.version <> CAST(:known_version AS bigint) THEN (
            SELECT coalesce(json_agg(json_build_array(
                subject, object, action, scope, effect, coalesce(description, '')
            ) ORDER BY id), '[]'::json) FROM policy_rules
        ) END AS rules
    FROM policy_state LEFT JOIN users ON users.id = CAST(:user_id AS uuid)
    """)
)
CURRENT = Statement(
    text("""
    SELECT EXISTS (
        SELECT 1 FROM users, policy_state
        WHERE users.id = CAST(:user_id AS uuid) AND users.is_active
            AND users.access_version = CAST(:access_version AS integer)
            AND policy_state.version = CAST(:policy_version AS bigint)
    )
    """)
)


class Viewers:
    """The actors of one process, by user. For one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._actors: BoundedMap[UUID, Actor] = BoundedMap(REMEMBERED)
        self._policy = shipped_policy(NO_POLICY)

    async def get(self, user_id: UUID, request_id: str = OUTSIDE_ANY_REQUEST) -> Actor | None:
        """The user as last read; None when there is no such active user."""
        actor = self._actors.get(user_id)
        if actor is None:
            return await self.refresh(user_id, request_id)
        return replace(actor, request_id=request_id)

    async def refresh(self, user_id: UUID, request_id: str = OUTSIDE_ANY_REQUEST) -> Actor | None:
        """The user as of now, in one statement; None when there is no such active user.

        Raises InvalidRule when the table holds a rule that means nothing: a policy that cannot be
        understood allows nobody anything.
        """
        known = self._policy
        values = {"user_id": user_id, "known_version": known.version}
        found = await self._database.read_pool.fetchrow(VIEWER.sql, *VIEWER.arguments(values))
        row = cast("Row | None", found)
        if row is None:
            raise RuntimeError("policy_state is empty: the database is not migrated")
        policy = known if row["rules"] is None else self._learnt(row)
        if not row["is_active"]:  # null for nobody
            self._actors.discard(user_id)
            return None
        actor = _actor(user_id, row, policy, request_id)
        self._actors.put(user_id, actor)
        return actor

    async def changed(self, tx: Transaction, actor: Actor) -> Actor | None:
        """The actor as this transaction has made them, which may be unchanged.

        None when they are active no more, or when the policy is not the actor's any more. Nothing
        is remembered of it: the transaction may yet be rolled back.
        """
        policy = self._policy
        row = await tx.fetchrow(VIEWER, user_id=actor.user_id, known_version=policy.version)
        if row is None or not row["is_active"] or row["policy_version"] != actor.grant.version:
            return None
        if row["access_version"] == actor.access_version:
            return actor
        if row["rules"] is not None:
            return None
        return _actor(actor.user_id, row, policy, actor.request_id)

    async def is_current(self, actor: Actor) -> bool:
        """`is_current`, for answers that no statement of their own stamps."""
        pool = self._database.read_pool
        return bool(await pool.fetchval(CURRENT.sql, *CURRENT.arguments(_as_stamped(actor))))

    @property
    def policy(self) -> Policy:
        """The rules as last read: what the actors given out lately were compiled from."""
        return self._policy

    def invalidate_all(self) -> None:
        """Read every actor and the policy anew when they are next asked for."""
        self._actors.clear()
        self._policy = replace(self._policy, version=NO_POLICY)

    def _learnt(self, row: Mapping[str, Any]) -> Policy:
        version: int = row["policy_version"]
        changes = tuple(rule_from(columns) for columns in orjson.loads(row["rules"]))
        policy = policy_of(version, changes)
        # Two loads may overlap: the older answer does not replace the newer policy.
        if version > self._policy.version:
            self._policy = policy
        return policy


def _actor(user_id: UUID, row: Row, policy: Policy, request_id: str) -> Actor:
    roles = tuple(Role(each) for each in row["roles"])
    return Actor(
        user_id=user_id,
        roles=roles,
        grant=compile_grant(policy, user_id=user_id, roles=roles),
        customer_id=row["customer_id"],
        team_id=row["team_id"],
        access_version=row["access_version"],
        request_id=request_id,
    )


def policy_of(version: int, changes: tuple[Rule, ...]) -> Policy:
    """The shipped rules and those added at run time, which can allow more, and deny for good."""
    return Policy(version=version, rules=shipped_policy().rules + changes)


def stamp(actor: Actor) -> tuple[int, int]:
    """What a statement compares with its snapshot: the user's and the policy's version."""
    return actor.access_version, actor.grant.version


async def is_current(tx: Transaction, actor: Actor) -> bool:
    """Whether the actor is active, unchanged and under the rules it was made from, right now.

    For mutations and jobs whose own first statement does not compare the stamp.
    """
    answer: bool = await tx.fetchval(CURRENT, **_as_stamped(actor))
    return answer


def _as_stamped(actor: Actor) -> dict[str, Any]:
    access_version, policy_version = stamp(actor)
    return {
        "user_id": actor.user_id,
        "access_version": access_version,
        "policy_version": policy_version,
    }
