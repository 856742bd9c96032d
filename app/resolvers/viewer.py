"""`viewer`: who is asking, what they may do, and why."""

from typing import Any

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from app.domain import global_id
from app.models import users
from app.planner.row_facts import row_facts
from app.policies.explain import explain
from app.policies.listing import list_permissions
from app.policies.predicates import viewer_id
from app.policies.roles import Role
from app.policies.rules import Rule
from app.resolvers.context import Context
from app.resolvers.edge import text_or_none
from app.resolvers.planned import planned_root
from app.schema.types.declaration import One
from app.schema.types.people import User
from app.schema.types.viewer import AccessDecision, Permission, PolicyRule


@strawberry.type(description="Whoever sent this request.")
class Viewer:
    """The signed-in user."""

    @planned_root(One(link=lambda _, user: user[users.c.id] == viewer_id()))
    def user(self) -> User | None:
        """The user, as they may see themselves."""

    @strawberry.field
    def roles(self, info: Info[Context, None]) -> list[Role]:
        """The roles whose rights add up."""
        return list(info.context.signed_in().roles)

    @strawberry.field
    def permissions(self, info: Info[Context, None]) -> list[Permission]:
        """What this viewer may do, so that a client can hide what would be refused."""
        catalogue = info.context.program.catalogue
        return [
            Permission(
                coordinate=each.coordinate,
                action=each.action,
                scope=each.scope,
                effect=each.effect,
            )
            for each in list_permissions(
                info.context.signed_in().grant, catalogue.guarded_coordinates()
            )
        ]

    @strawberry.field
    async def explain_access(
        self, info: Info[Context, None], coordinate: str, node: strawberry.ID | None = UNSET
    ) -> AccessDecision:
        """Why one field or mutation is or is not allowed; `node` asks about one row."""
        context = info.context
        actor = context.signed_in()
        asked = text_or_none(node)
        facts = None
        row_visible = None
        if asked is not None:
            facts = await row_facts(
                context.program.database,
                context.program.catalogue,
                actor,
                global_id.decode(asked, "node"),
            )
            row_visible = facts is not None
        declared = context.program.catalogue.guarded_coordinates().get(coordinate)
        explanation = explain(
            context.program.viewers.policy,
            user_id=actor.user_id,
            roles=actor.roles,
            coordinate=coordinate,
            declared=declared,
            facts=facts if row_visible else None,
        )
        return AccessDecision(
            coordinate=coordinate,
            effect=explanation.effect,
            scope=explanation.scope,
            row_visible=row_visible,
            rules=[_rule(rule) for rule in explanation.rules],
        )


@strawberry.type
class ViewerQueries:
    """The viewer."""

    @strawberry.field
    def viewer(self) -> Viewer:
        """Whoever sent this request."""
        return Viewer()


def _rule(rule: Rule) -> Any:
    return PolicyRule(
        id=strawberry.ID(global_id.encode("PolicyRule", rule.id)),
        subject=rule.subject,
        object=rule.object,
        action=rule.action,
        scope=rule.scope,
        effect=rule.effect,
        description=rule.description or None,
    )
