"""The shipped policy says what the table of roles says, cell by cell."""

from pathlib import Path

import pytest

from app.policies.compile import compile_grant
from app.policies.conditions import ALWAYS, NEVER, ScopeCondition
from app.policies.grant import Grant
from app.policies.inputs import TOLD_BY
from app.policies.policy import shipped_policy
from app.policies.roles import Role
from app.policies.scopes import Scope

TABLE = Path(__file__).with_name("shipped_roles.md").read_text(encoding="utf-8")


def _cells() -> dict[tuple[str, Role], str]:
    lines = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in TABLE.splitlines()
        if line.startswith("| ")
    ]
    roles = [Role(name) for name in lines[0][1:]]
    return {
        (label, role): cell
        for label, *cells in lines[1:]
        for role, cell in zip(roles, cells, strict=True)
    }


CELLS = _cells()

Expected = dict[str, ScopeCondition]


def _mutations(*names: str) -> tuple[str, ...]:
    return tuple(f"Mutation.{name}" for name in names)


READ_ROWS = {
    "customers: rows": (
        *("Customer", "LedgerEntry", "Allocation", "SalesOrder", "Dispute"),
        *("RefundRequest", "Notification"),
    ),
    "customer.contact": ("customer.contact",),
    "customer.tax": ("customer.tax",),
    "customer.balance": ("customer.balance",),
    "customer.credit": (
        *("customer.credit", "CreditEvent", "TemporaryCreditLimit", "SuspensionOverride"),
    ),
    "customer.notes": ("customer.notes",),
    "ledger.amount": ("ledger.amount",),
    "ledger.journal, ledger.proof, ledger.actor": (
        *("ledger.journal", "ledger.proof", "ledger.actor"),
    ),
    "product.cost": ("product.cost",),
    "notification.content": ("notification.content",),
    "user.contact": ("user.contact",),
    "user.rights (roles and team of a user)": ("user.rights",),
    "workflow.actor (who opened, decided, granted)": ("workflow.actor",),
    "period.close (check-list, certificates, totals)": ("period.close",),
    "reconciliation (counts of drift)": ("reconciliation",),
}
"""Rows of the table whose cells are a scope, `mask` or `-`."""

POSTINGS = _mutations(
    *("postInvoice", "postDebitNote", "issueCreditNote", "postOpeningBalance", "postDraft"),
    *("discardDraft", "postEntries", "allocate", "undoAllocation"),
)
ORDERS = _mutations(
    *("placeSalesOrder", "confirmSalesOrder", "cancelSalesOrder", "returnSalesOrder"),
)
CREDIT = _mutations(
    *("setCreditLimit", "grantTemporaryLimit", "suspendCustomer"),
    *("reactivateCustomer", "overrideSuspension"),
)
SET_UP_TYPES = ("Team", "PolicyRule", "ApiClient", "WebhookEndpoint", "NotificationTemplate")
SET_UP = _mutations(
    *("saveUser", "savePolicyRule", "createApiClient", "rotateApiKey", "revokeApiClient"),
    *("publishDocuments", "retireApplication", "saveWebhookEndpoint", "saveNotificationTemplate"),
)
CONTACT_FIELDS = ("contactName", "email", "phone", "billingAddress", "preferences")
OTHER_FIELDS = ("businessName", "customerType", "paymentTermsDays", "tags")


def _all(*coordinates: str, scope: Scope = Scope.ALL) -> Expected:
    return dict.fromkeys(coordinates, ScopeCondition.of(scope))


def _input(*fields: str) -> tuple[str, ...]:
    return tuple(f"UpdateCustomerInput.{field}" for field in fields)


CUSTOMERS_ROW = (
    *_mutations("createCustomer", "updateCustomer", "assignCustomer"),
    *_mutations("deleteCustomer", "restoreCustomer"),
    *_input(*CONTACT_FIELDS, *OTHER_FIELDS),
)
CREATE_AND_UPDATE = _all(
    *_mutations("createCustomer", "updateCustomer"), *_input(*CONTACT_FIELDS, *OTHER_FIELDS)
)


def _update_contact(scope: Scope) -> Expected:
    return _all("Mutation.updateCustomer", *_input(*CONTACT_FIELDS), scope=scope)


ACTION_ROWS: dict[str, tuple[tuple[str, ...], dict[str, Expected]]] = {
    "auditEvents, audit.content": (
        ("AuditEvent", "audit.content"),
        {
            "rows, no content": _all("AuditEvent"),
            "ALL": _all("AuditEvent", "audit.content"),
        },
    ),
    "users, teams, policies, API clients, webhooks, templates": (
        (*SET_UP_TYPES, *SET_UP),
        {
            "write": _all(*SET_UP_TYPES, *SET_UP),
            "read": _all(*SET_UP_TYPES),
            "own team read": _all("Team", scope=Scope.TEAM),
        },
    ),
    "post entries, allocate, reverse": (
        (*POSTINGS, "Mutation.recordPayment", "Mutation.reverseEntry"),
        {
            "yes": _all(*POSTINGS, "Mutation.recordPayment", "Mutation.reverseEntry"),
            "record payment, OWN": _all("Mutation.recordPayment", scope=Scope.OWN),
            "yes, no reversal": _all(*POSTINGS, "Mutation.recordPayment"),
        },
    ),
    "orders: place, confirm, cancel, return": (
        ORDERS,
        {
            "yes": _all(*ORDERS),
            "TEAM": _all(*ORDERS, scope=Scope.TEAM),
            "OWN": _all(*ORDERS, scope=Scope.OWN),
        },
    ),
    "write-off, adjustment": (
        (
            *_mutations("writeOff", "postAdjustment"),
            *("ApprovalKind.WRITE_OFF", "ApprovalKind.ADJUSTMENT"),
        ),
        {
            "approve": _all("ApprovalKind.WRITE_OFF", "ApprovalKind.ADJUSTMENT"),
            "ask above threshold": _all(*_mutations("writeOff", "postAdjustment")),
        },
    ),
    "credit limit, temporary limit, suspend, override": (
        (*CREDIT, "ApprovalKind.CREDIT_LIMIT"),
        {"approve": _all("ApprovalKind.CREDIT_LIMIT"), "yes, ask above threshold": _all(*CREDIT)},
    ),
    "periods: begin close, close": (
        _mutations("beginPeriodClose", "closePeriod"),
        {
            "yes": _all(*_mutations("beginPeriodClose", "closePeriod")),
            "begin": _all("Mutation.beginPeriodClose"),
        },
    ),
    "periods: lock, approve reopening": (
        ("Mutation.lockPeriod", "ApprovalKind.PERIOD_REOPEN"),
        {"yes": _all("Mutation.lockPeriod", "ApprovalKind.PERIOD_REOPEN")},
    ),
    "merge, dismiss duplicate": (
        (*_mutations("mergeCustomers", "undoMerge", "dismissDuplicate"), "ApprovalKind.MERGE"),
        {
            "approve": _all("ApprovalKind.MERGE"),
            "yes": _all(*_mutations("mergeCustomers", "undoMerge", "dismissDuplicate")),
            "ask": _all(*_mutations("mergeCustomers", "undoMerge", "dismissDuplicate")),
        },
    ),
    "reconciliation, drift": (
        _mutations("runReconciliation", "resolveDrift"),
        {
            "yes": _all(*_mutations("runReconciliation", "resolveDrift")),
            "run": _all("Mutation.runReconciliation"),
            "read": {},
        },
    ),
    "archival, erasure, retention, legal hold": (
        (
            *_mutations("runArchival", "eraseCustomer", "setRetentionPolicy", "setLegalHold"),
            *("ApprovalKind.ERASURE", "ArchiveRun", "ErasureCertificate"),
        ),
        {
            "ask": _all(
                *_mutations("runArchival", "eraseCustomer", "setRetentionPolicy", "setLegalHold"),
                *("ArchiveRun", "ErasureCertificate"),
            ),
            "approve": _all("ApprovalKind.ERASURE", "ArchiveRun", "ErasureCertificate"),
            "read": _all("ArchiveRun", "ErasureCertificate"),
        },
    ),
    "customers: create, update, assign, delete": (
        CUSTOMERS_ROW,
        {
            "yes": _all(*CUSTOMERS_ROW),
            "create, update": CREATE_AND_UPDATE,
            "assign in TEAM": _all("Mutation.assignCustomer", scope=Scope.TEAM),
            "create (assigned to self), update contact OWN": {
                **_all("Mutation.createCustomer", scope=Scope.OWN),
                **_update_contact(Scope.OWN),
            },
            "update contact": _update_contact(Scope.ALL),
            "update own contact": _update_contact(Scope.SELF),
        },
    ),
}
"""Rows of the table whose cells are words: the coordinates they decide on, and what each allows."""

STEP_ROWS: dict[str, tuple[dict[str, tuple[str, ...]], ...]] = {
    "refund: request / approve / pay": (
        {"": _mutations("requestRefund")},
        {"": (*_mutations("approveRefund", "rejectRefund"), "ApprovalKind.REFUND")},
        {"": _mutations("payRefund", "failRefund")},
    ),
    "dispute: open / review, resolve": (
        {"": _mutations("openDispute", "addDisputeEvidence", "withdrawDispute")},
        {
            "review": _mutations("reviewDispute"),
            "": _mutations("resolveDispute", "rejectDispute"),
        },
    ),
}
"""Rows whose cells speak of steps in turn; a step's word may name only a part of it."""


def _grant(role: Role) -> Grant:
    return compile_grant(shipped_policy(), user_id=None, roles=[role])


def _check(grant: Grant, coordinates: tuple[str, ...], expected: Expected) -> None:
    allowed = {each: grant.access(each) for each in coordinates}
    assert {k: v.when_whole for k, v in allowed.items() if not v.is_none} == expected
    assert all(each.when_masked == NEVER for each in allowed.values())


def test_every_row_of_the_table_is_checked():
    labels = {label for label, _ in CELLS}
    assert labels == READ_ROWS.keys() | ACTION_ROWS.keys() | STEP_ROWS.keys()


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("label", READ_ROWS)
def test_what_a_role_reads(label: str, role: Role):
    cell = CELLS[label, role]
    for target in READ_ROWS[label]:
        access = _grant(role).access(target)
        if cell == "mask":
            assert (access.when_whole, access.when_masked) == (NEVER, ALWAYS)
        else:
            expected = NEVER if cell == "-" else ScopeCondition.of(Scope(cell))
            assert (access.when_whole, access.when_masked) == (expected, NEVER)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("label", ACTION_ROWS)
def test_what_a_role_does(label: str, role: Role):
    coordinates, meanings = ACTION_ROWS[label]
    cell = CELLS[label, role]
    _check(_grant(role), coordinates, {} if cell == "-" else meanings[cell])


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("label", STEP_ROWS)
def test_which_steps_a_role_takes(label: str, role: Role):
    steps = STEP_ROWS[label]
    cell = CELLS[label, role]
    words = ["-"] * len(steps) if cell == "-" else cell.split(" / ")
    for parts, word in zip(steps, words, strict=True):
        coordinates = tuple(each for part in parts.values() for each in part)
        if word == "-":
            expected = {}
        elif word in parts:
            expected = _all(*parts[word])
        else:
            expected = _all(*coordinates, scope=Scope.ALL if word == "yes" else Scope(word))
        _check(_grant(role), coordinates, expected)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    ("name", "group"), [("taxId", "customer.tax"), ("notes", "customer.notes")]
)
def test_secrets_are_written_only_by_those_who_may_read_and_update_every_field(
    role: Role, name: str, group: str
):
    grant = _grant(role)
    may_write = not grant.writable(f"UpdateCustomerInput.{name}").is_never
    may_read = grant.field(f"Customer.{name}", group).is_whole_for(ALWAYS)
    updates_all = not grant.writable("UpdateCustomerInput.tags").is_never
    assert may_write == (may_read and updates_all)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    "coordinate", [each for each in TOLD_BY if "CustomerInput." in each and "Assign" not in each]
)
def test_the_rules_allow_nobody_to_supply_what_they_may_not_read(coordinate: str, role: Role):
    """So what `viewer.permissions` and `explainAccess` say of inputs is what is done."""
    grant = _grant(role)
    assert grant.access(coordinate).when_whole == grant.writable(coordinate)


@pytest.mark.parametrize("role", Role)
def test_the_own_user_is_always_visible(role: Role):
    assert _grant(role).rows("User").covers(ScopeCondition.of(Scope.SELF))


@pytest.mark.parametrize("role", Role)
def test_the_list_of_users_follows_the_table(role: Role):
    cell = CELLS["users, teams, policies, API clients, webhooks, templates", role]
    rows = _grant(role).query("Query.users", "User")
    own_team = ScopeCondition.of(Scope.TEAM, Scope.SELF)
    assert rows == {"write": ALWAYS, "read": ALWAYS, "own team read": own_team, "-": NEVER}[cell]


@pytest.mark.parametrize("role", Role)
def test_shared_rows_are_seen_by_staff_only(role: Role):
    expected = NEVER if role is Role.CUSTOMER else ALWAYS
    for type_name in ("Product", "AccountingPeriod"):
        assert _grant(role).rows(type_name) == expected


@pytest.mark.parametrize("role", [*Role, None])
def test_logging_in_is_for_everybody(role: Role | None):
    grant = compile_grant(shipped_policy(), user_id=None, roles=[role] if role else [])
    assert grant.may_execute("Mutation.login")
    assert grant.may_execute("Mutation.refreshToken")


NEW_CUSTOMER: dict[Role, set[str]] = {
    Role.ADMIN: {"taxId", "creditLimit"},
    Role.ACCOUNTANT: {"creditLimit", "assignedTo"},
    Role.SALES_REP: {"code", "taxId", "creditLimit"},
    Role.INTEGRATOR: {"taxId", "creditLimit", "assignedTo"},
}
"""What those who make customers must leave out of a new one."""


@pytest.mark.parametrize("role", Role)
def test_a_new_customer_is_described_by_who_reads_and_sets_it(role: Role):
    grant = _grant(role)
    prefix = "CreateCustomerInput."
    fields = {each.removeprefix(prefix) for each in TOLD_BY if each.startswith(prefix)}
    never = {each for each in fields if grant.writable(prefix + each).is_never}
    may_create = grant.may_execute("Mutation.createCustomer")
    assert may_create == (role in NEW_CUSTOMER)
    if may_create:
        assert never == NEW_CUSTOMER[role]


def test_limits_are_said_by_who_sets_them():
    held = [Role.ACCOUNTANT, Role.CREDIT_MANAGER]
    grant = compile_grant(shipped_policy(), user_id=None, roles=held)
    assert grant.writable("CreateCustomerInput.creditLimit") == ALWAYS
