"""Who sees what, in plain Python: facts about rows, held against a compiled grant.

Nothing of the planner is used here. Guard groups are read from the SDL.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from graphql import GraphQLObjectType, GraphQLSchema, build_schema
from graphql.language import DirectiveNode, StringValueNode

from app.policies.conditions import ScopeCondition
from app.policies.grant import Access, Grant
from app.policies.scopes import Scope
from tests.planner.world import Row, World

TABLES = {
    "Customer": "customers",
    "LedgerEntry": "ledger_entries",
    "LineItem": "entry_lines",
    "JournalLine": "journal_lines",
    "Allocation": "allocations",
    "DriftFinding": "drift_findings",
    "AuditEvent": "audit_events",
    "User": "users",
    "Team": "teams",
    "Product": "products",
    "AccountingPeriod": "accounting_periods",
    "ReconciliationRun": "reconciliation_runs",
}
PARTS = {
    **dict.fromkeys(("LineItem", "JournalLine"), "LedgerEntry"),
    **dict.fromkeys(("StatementLine", "BalanceGroup"), "LedgerEntry"),
}
"""Lines and groups are seen with their entries: no rule speaks of them."""
FIGURES = {
    *("Balance", "BalanceExplanation", "BalanceGroup", "Ageing"),
    *("Statement", "StatementLine", "LedgerVerification"),
}
"""Objects that are made of a customer's entries."""
COMPUTED = FIGURES | {"JobFailure"}
"""Objects that are made of other rows, and seen with the field that leads to them."""
OWNED = FIGURES | {
    *("LedgerEntry", "LineItem", "JournalLine", "Allocation", "DriftFinding", "AuditEvent"),
}
EMBEDDED = {"Address": "Customer.billingAddress", "CustomerPreferences": "Customer.preferences"}


def plain_schema(sdl: str) -> GraphQLSchema:
    """The public schema with nothing behind it: graphql-core's own, from the text."""
    return build_schema(sdl)


def guard_groups(schema: GraphQLSchema) -> dict[str, str | None]:
    """The guard group of every field, by coordinate, as the SDL says it."""
    groups: dict[str, str | None] = {}
    for each in schema.type_map.values():
        if isinstance(each, GraphQLObjectType) and not each.name.startswith("__"):
            for name, field in each.fields.items():
                directives = field.ast_node.directives if field.ast_node else ()
                groups[f"{each.name}.{name}"] = _group(directives or ())
    return groups


def _group(directives: Iterable[DirectiveNode]) -> str | None:
    for directive in directives:
        if directive.name.value == "guarded":
            value = directive.arguments[0].value
            assert isinstance(value, StringValueNode)
            return value.value
    return None


@dataclass(frozen=True)
class Sight:
    """One viewer's view of a world."""

    world: World
    viewer: Row
    grant: Grant
    groups: Mapping[str, str | None]

    @cached_property
    def teams(self) -> set[UUID]:
        """The viewer's own team, and those they manage."""
        managed = {
            t["id"] for t in self.world.rows("teams") if t["manager_id"] == self.viewer["id"]
        }
        return managed | {self.viewer["team_id"]} - {None}

    def facts(self, type_name: str, row: Row) -> frozenset[Scope]:
        """What holds of a row, as seen from the viewer."""
        if type_name == "User":
            holds = {
                Scope.TEAM: row["team_id"] in self.teams,
                Scope.SELF: row["id"] == self.viewer["id"],
            }
        elif type_name == "Team":
            holds = {Scope.TEAM: row["id"] in self.teams}
        elif type_name == "Customer" or type_name in OWNED:
            customer = row if type_name == "Customer" else self.owner(row)
            assignee = self.world.find("users", customer["assigned_to"])
            holds = {
                Scope.TEAM: assignee is not None and assignee["team_id"] in self.teams,
                Scope.OWN: assignee is not None and assignee["id"] == self.viewer["id"],
                Scope.SELF: customer["id"] == self.viewer["customer_id"],
            }
        else:
            holds = {}
        return frozenset(scope for scope, does in holds.items() if does)

    def owner(self, row: Row) -> Row:
        """The customer that a row belongs to."""
        found = self.world.find("customers", row["customer_id"])
        assert found is not None
        return found

    def rows(self, type_name: str) -> ScopeCondition:
        """The rows of a type that exist for the viewer."""
        condition = self.grant.rows(PARTS.get(type_name, type_name))
        return condition & self.grant.rows("Customer") if type_name in OWNED else condition

    def sees(self, type_name: str, row: Row) -> bool:
        return self.rows(type_name).holds(self.facts(type_name, row))

    def seen(self, type_name: str, row: Row | None) -> Row | None:
        return row if row is not None and self.sees(type_name, row) else None

    def access(self, coordinate: str) -> Access:
        return self.grant.field(coordinate, self.groups[coordinate])

    def shows(self, type_name: str, field: str, row: Row) -> str:
        """whole, masked or withheld: of one field of one visible row."""
        facts = self.facts("Customer" if type_name in EMBEDDED else type_name, row)
        access = self.access(f"{type_name}.{field}")
        if access.when_whole.holds(facts):
            return "whole"
        return "masked" if access.when_masked.holds(facts) else "withheld"

    def query(self, name: str, type_name: str) -> ScopeCondition:
        """The rows that a root query may answer with."""
        return self.grant.query(f"Query.{name}", type_name) & self.rows(type_name)
