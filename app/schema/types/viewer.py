"""Who is asking, and what they may do."""

import strawberry

from app.policies.rules import Effect
from app.policies.scopes import Scope
from app.schema.types.node import Node


@strawberry.type(description="One thing the viewer may do. DENY takes rows out of other lines.")
class Permission:
    """A line of `viewer.permissions`."""

    coordinate: str
    action: str
    scope: Scope
    effect: Effect


@strawberry.type(description="A rule of the policy.")
class PolicyRule(Node):
    """A row of the shipped policy, or of `policy_rules`."""

    id: strawberry.ID
    subject: str
    object: str
    action: str
    scope: Scope
    effect: Effect
    description: str | None


@strawberry.type(description="Why something is or is not allowed.")
class AccessDecision:
    """The best the viewer can have. `rowVisible` is null unless a node was asked about."""

    coordinate: str
    effect: Effect
    scope: Scope
    row_visible: bool | None
    rules: list[PolicyRule]
