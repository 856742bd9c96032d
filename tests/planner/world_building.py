"""The company, put together."""

from tests.planner.world import ASSIGNEES, PEOPLE, TEAMS, World
from tests.planner.world_books import Books
from tests.planner.world_rows import customer, periods, product, run, team, user


def build() -> World:
    """The company."""
    world = World(
        {
            "teams": [team(name, manager) for name, manager in TEAMS],
            "users": [user(*person) for person in PEOPLE],
            "accounting_periods": list(periods()),
            "products": [product(n) for n in range(5)],
            "customers": [customer(n) for n in range(len(ASSIGNEES))],
            "reconciliation_runs": [run(n) for n in range(3)],
            **{
                name: []
                for name in (
                    *("accounts", "ledger_entries", "entry_lines", "journal_lines"),
                    *("allocations", "open_items", "drift_findings", "audit_events"),
                )
            },
        }
    )
    for number in range(len(ASSIGNEES)):
        Books(world, number).write()
    return world
