"""Every row filter and guard of the planner is needed: take one away, and the oracle notices.

Here, and only here, production code is replaced: each test breaks one thing that keeps something
back or in its order, and runs the operations that the equality test runs.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import true

from app.planner import access, compiler, cursors, filters, lookups, pages, plans, search, seen
from app.planner.access import Guards
from app.planner.compiler import Compiler
from app.planner.recorded import RecordedValues
from app.planner.seen import Seen
from app.policies.conditions import ALWAYS, NEVER, ScopeCondition
from app.policies.grant import Access, Grant
from tests.generation.operations import Operation
from tests.planner.agreement import Disagreement, check
from tests.planner.company import Company
from tests.planner.corpus import TRAILS, corpus
from tests.planner.test_planner_stale import keeps_stale_answers_back

Break = Callable[[pytest.MonkeyPatch], None]
WITNESSES = ("sales_rep", "manager_auditor", "customer_rep", "auditor", "admin", "customer")
EVERYTHING = Access(when_whole=ALWAYS, when_masked=NEVER)


def _everywhere(module: Any) -> Break:
    return lambda patch: patch.setattr(module, "visible", lambda *_: true())


def _whole_values(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Guards, "apply", lambda _self, _field, _rows, _source, _row, make: make(False))


def _unmasked_values(patch: pytest.MonkeyPatch) -> None:
    original = Compiler._value

    def unmasked(self: Compiler, *given: Any, masked: bool) -> Any:
        value = original(self, *given, masked=masked)
        return value if value is None else original(self, *given, masked=False)

    patch.setattr(Compiler, "_value", unmasked)


def _recorded_as_it_is(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RecordedValues, "_rebuilt", lambda self, _kept_back: self.content)


def _recorded_unmasked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RecordedValues, "_leaf", lambda self, _field, _masked: self.value)


def _any_filter(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Guards, "require_whole", lambda *_: None)


def _rows_without_conditions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Guards, "rows", lambda *_: ALWAYS)


def _any_root(patch: pytest.MonkeyPatch) -> None:
    original = Compiler.__init__

    def opened(self: Compiler, catalogue: Any, grant: Grant, *others: Any) -> None:
        original(self, catalogue, grant, *others)
        self.guards.grant = _AnyRoot(grant.fingerprint, grant.version, grant.terms)

    patch.setattr(Compiler, "__init__", opened)


class _AnyRoot(Grant):
    def query(self, _coordinate: str, _type_name: str | None) -> ScopeCondition:
        return ALWAYS


def _search_in_everything(patch: pytest.MonkeyPatch) -> None:
    original = search.compile_search

    def everywhere(given: Compiler, *others: Any) -> Any:
        guards, given.guards = given.guards, _Open(given.guards.grant)
        try:
            return original(given, *others)
        finally:
            given.guards = guards

    patch.setattr(compiler, "compile_search", everywhere)


class _Open(Guards):
    def access(self, _field: Any) -> Access:
        return EVERYTHING


def _deleted_too(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(filters, "_mentions", lambda *_: True)


def _always_visible_together(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Compiler, "_is_known_visible", lambda *_: True)


def _of_anybody(patch: pytest.MonkeyPatch) -> None:
    original = Seen.owner_of

    def anybody(self: Seen, row: Any) -> Any:
        owner = original(self, row)
        return owner and replace(owner, is_seen=true())

    patch.setattr(Seen, "owner_of", anybody)


def _counted_for_anybody(patch: pytest.MonkeyPatch) -> None:
    original = Seen.total
    patch.setattr(Seen, "total", lambda self, column: original(replace(self, rows=ALWAYS), column))


def _ties_left_open(patch: pytest.MonkeyPatch) -> None:
    original = pages.beyond

    def untied(keys: Any, position: Any, *, forward: bool) -> Any:
        cut = slice(None, -1) if len(keys) > 1 else slice(None)
        return original(keys[cut], position[cut], forward=forward)

    patch.setattr(pages, "beyond", untied)


def _position_included(patch: pytest.MonkeyPatch) -> None:
    original = pages.beyond
    patch.setattr(
        pages,
        "beyond",
        lambda keys, position, *, forward: ~original(keys, position, forward=not forward),
    )


def _any_cursor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cursors, "signature", lambda *_: "any")


def _patterns_unescaped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(filters, "escaped_pattern", lambda text: text)


ANYTHING = "."
PLACED = r"orderBy.*(after|before)|(after|before).*orderBy"
RELATED = "(assignedTo|unassigned|period)'?:"
BROKEN: dict[str, tuple[Break, str]] = {
    "rows of lists and relations": (_everywhere(seen), ANYTHING),
    "whose rows are in a list": (_of_anybody, r"ledgerEntries|driftFindings"),
    "whose rows are counted": (_counted_for_anybody, "totalCount"),
    "rows of look-ups": (_everywhere(lookups), r"node|customer\(|ledgerEntry\("),
    "rows that a field is narrowed to": (_everywhere(access), ANYTHING),
    "related rows of filters": (_everywhere(filters), RELATED),
    "what belongs to a customer, from what does not": (_always_visible_together, ANYTHING),
    "row conditions": (_rows_without_conditions, ANYTHING),
    "denied root fields": (_any_root, "users|teams|product|Runs|Findings"),
    "withheld and masked fields": (_whole_values, ANYTHING),
    "masks": (_unmasked_values, "email|phone|Address|contactName|taxId"),
    "recorded values": (_recorded_as_it_is, "auditTrail|AuditEvent"),
    "masks of recorded values": (_recorded_unmasked, "auditTrail|AuditEvent"),
    "filters and orders": (_any_filter, "filter|orderBy"),
    "searched fields": (_search_in_everything, "search"),
    "deleted and archived customers": (_deleted_too, "customers"),
    "the key that breaks ties": (_ties_left_open, PLACED),
    "the position itself": (_position_included, "after|before"),
    "the order that a cursor is for": (_any_cursor, "after|before"),
    "patterns": (_patterns_unescaped, "contains|startsWith"),
}
"""What can be broken, how, and which operations have anything to do with it."""


@pytest.fixture(scope="module")
def operations(company: Company) -> dict[str, list[Operation]]:
    return {
        name: [
            TRAILS,
            *corpus(company.operations(name), 80),
            *corpus(company.lists(name, is_reckless=False), 120),
            *corpus(company.lists(name, is_reckless=True), 60),
        ]
        for name in WITNESSES
    }


@pytest.fixture
def fresh_plans(company: Company) -> Iterator[None]:
    """Plans of broken code are kept from everybody else."""
    company.planned.forget_plans()
    yield
    company.planned.forget_plans()


@pytest.mark.usefixtures("fresh_plans")
@pytest.mark.parametrize("what", BROKEN)
def test_nothing_can_be_left_out(
    company: Company,
    operations: dict[str, list[Operation]],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    break_it, concerned = BROKEN[what]
    break_it(monkeypatch)
    assert _somebody_notices(company, operations, concerned), f"nobody misses the guard of {what}"


def _somebody_notices(
    company: Company, operations: dict[str, list[Operation]], concerned: str
) -> bool:
    # Everybody's first operation, then everybody's second: what one role never meets another does.
    for in_turn in zip(*operations.values(), strict=True):
        for name, operation in zip(operations, in_turn, strict=True):
            if not re.search(concerned, f"{operation.text} {operation.others}", re.DOTALL):
                continue
            try:
                check(company, name, operation)
            except Disagreement:
                return True
    return False


def test_the_stamp_cannot_be_left_out(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    original = plans.Plan.run

    async def unstamped(self: plans.Plan, *given: Any) -> Any:
        *others, _stamp = given
        return await original(self, *others, _Anything())

    monkeypatch.setattr(plans.Plan, "run", unstamped)
    with pytest.raises(AssertionError, match="a stale grant answered"):
        keeps_stale_answers_back(company)


class _Anything:
    """A stamp that is always the right one."""

    access_version = policy_version = property(lambda _self: _Equal())


class _Equal:
    __hash__ = None  # type: ignore[assignment] # equal to everything, so it has no hash

    def __eq__(self, _other: object) -> bool:
        return True

    def __ne__(self, _other: object) -> bool:
        return False
