"""For every mutation: what has to be there, what is sent, and what the payload has to show."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from app.domain import global_id
from tests.api.stage import Stage, allocation_name, customer_name, entry_name, unused_code
from tests.factories import DAY

Input = dict[str, Any]
Prepared = tuple[Input, Mapping[str, Any]]
"""The input, and what the payload has to show, by dotted path."""

CUSTOMER = """
    id code businessName contactName email phone taxId customerType currency paymentTermsDays
    billingAddress { line1 line2 city region postalCode country }
    status tags notes creditLimit effectiveCreditLimit availableCredit
    pendingBalance advanceBalance currentBalance overdueAmount oldestDueDate
    preferences { receiveEmails receiveSms locale timeZone quietFrom quietUntil }
    legalHold version createdAt updatedAt deletedAt
    openItems { nodes { id openAmount } totalCount }
"""
ENTRY = """
    id number type status settlement amount openAmount currency transactionDate dueDate
    period { name } description reason referenceType reference { id } externalReference
    lineItems { description quantity unitPrice discount taxRate total product { sku } }
    journalLines { account debit credit } postedAt sequence hash previousHash
    customer { id pendingBalance advanceBalance currentBalance }
    allocations { nodes { id amount } }
"""
ALLOCATION = "id amount allocatedAt undoneAt credit { id openAmount } debit { id openAmount }"
PRODUCT = "id sku name unitPrice currency taxRate stockOnHand isActive cost"
PERIOD = "id name type startsOn endsOn status version closedAt lockedAt"
USER = "id email name roles team { id name } isActive"
RUN = """
    id status incremental startedAt finishedAt startedBy { id }
    customersTotal customersChecked discrepancies failures { message } findings { totalCount }
"""

SELECTIONS = {
    "Customer": CUSTOMER,
    "LedgerEntry": ENTRY,
    "Allocation": ALLOCATION,
    "Product": PRODUCT,
    "AccountingPeriod": PERIOD,
    "User": USER,
    "ReconciliationRun": RUN,
}
LEDGER_PAYLOAD = {"entry": "LedgerEntry", "customer": "Customer", "allocations": "Allocation"}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One mutation. `prepare(stage, customer_id)` makes what it needs.

    `about_customer`: whether the policy speaks of the customer that it acts on.
    """

    mutation: str
    payload: Mapping[str, str]
    prepare: Callable[[Stage, UUID], Awaitable[Prepared]]
    about_customer: bool = True

    @property
    def has_replays(self) -> bool:
        return self.payload is LEDGER_PAYLOAD

    @property
    def document(self) -> str:
        input_type = f"{self.mutation[0].upper()}{self.mutation[1:]}Input"
        parts = " ".join(
            f"{name} {{ {SELECTIONS[type_name]} }}" for name, type_name in self.payload.items()
        )
        replayed = "replayed" if self.has_replays else ""
        return f"""mutation($input: {input_type}!) {{
            {self.mutation}(input: $input) {{
                {parts} {replayed} clientMutationId userErrors {{ code message path details }}
            }}
        }}"""


async def _create_customer(_stage: Stage, _customer: UUID) -> Prepared:
    given = {
        "businessName": "Möbel Müller 家具 🪑",
        "contactName": "Zoë Ó Briain",
        "email": "zoe@example.com",
        "phone": "+49 (0)30 123456",
        "billingAddress": {"line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"},
        "currency": "EUR",
        "customerType": "RETAIL",
        "paymentTermsDays": 14,
        "tags": ["new", "east"],
    }
    return given, {
        "customer.businessName": given["businessName"],
        "customer.email": given["email"],
        "customer.billingAddress.city": "Berlin",
        "customer.currency": "EUR",
        "customer.customerType": "RETAIL",
        "customer.paymentTermsDays": 14,
        "customer.tags": given["tags"],
        "customer.status": "ACTIVE",
        "customer.currentBalance": "0.00",
        "customer.version": 1,
    }


async def _update_customer(_stage: Stage, customer: UUID) -> Prepared:
    given = {
        "id": customer_name(customer),
        "expectedVersion": 1,
        "contactName": "Grace",
        "email": "grace@example.com",
        "phone": None,
        "preferences": {"receiveSms": True, "quietFrom": "21:30"},
    }
    return given, {
        "customer.contactName": "Grace",
        "customer.email": "grace@example.com",
        "customer.phone": None,
        "customer.preferences.receiveSms": True,
        "customer.preferences.quietFrom": "21:30",
        "customer.version": 2,
    }


async def _assign_customer(stage: Stage, customer: UUID) -> Prepared:
    given = {
        "id": customer_name(customer),
        "expectedVersion": 1,
        "assignedTo": global_id.encode("User", stage.colleague),
    }
    return given, {"customer.version": 2}


async def _delete_customer(_stage: Stage, customer: UUID) -> Prepared:
    given = {"id": customer_name(customer), "expectedVersion": 1, "reason": "Closed down"}
    return given, {"customer.status": "DELETED", "customer.version": 2}


async def _restore_customer(stage: Stage, customer: UUID) -> Prepared:
    await stage.database.write_pool.execute(
        "UPDATE customers SET status = 'DELETED', deleted_at = now() WHERE id = $1", customer
    )
    given = {"id": customer_name(customer), "expectedVersion": 1}
    return given, {"customer.status": "ACTIVE", "customer.deletedAt": None, "customer.version": 2}


async def _post_invoice(_stage: Stage, customer: UUID) -> Prepared:
    given = {
        "customer": customer_name(customer),
        "idempotencyKey": str(uuid4()),
        "transactionDate": DAY.isoformat(),
        "description": "Spring order",
        "externalReference": "SO-1",
        "lineItems": [
            {"description": "Chair", "quantity": "2", "unitPrice": "50", "taxRate": "0.19"},
            {"description": "Delivery", "quantity": "1", "unitPrice": "12.345", "discount": "2"},
        ],
    }
    return given, {
        "entry.amount": "129.35",
        "entry.openAmount": "129.35",
        "entry.type": "INVOICE",
        "entry.settlement": "OPEN",
        "entry.dueDate": "2026-04-09",
        "entry.sequence": 1,
        "entry.externalReference": "SO-1",
        "customer.pendingBalance": "129.35",
        "customer.currentBalance": "129.35",
        "allocations": [],
    }


async def _record_payment(stage: Stage, customer: UUID) -> Prepared:
    await stage.books.invoice(customer, "40")
    given = {
        "customer": customer_name(customer),
        "idempotencyKey": str(uuid4()),
        "transactionDate": DAY.isoformat(),
        "amount": "100.5",
        "method": "BANK_TRANSFER",
    }
    return given, {
        "entry.amount": "-100.50",
        "entry.openAmount": "60.50",
        "entry.settlement": "PARTIALLY_SETTLED",
        "allocations.0.amount": "40.00",
        "allocations.0.debit.openAmount": "0.00",
        "customer.pendingBalance": "0.00",
        "customer.advanceBalance": "60.50",
        "customer.currentBalance": "-60.50",
    }


async def _issue_credit_note(stage: Stage, customer: UUID) -> Prepared:
    invoice = await stage.books.invoice(customer, "40")
    given = {
        "customer": customer_name(customer),
        "idempotencyKey": str(uuid4()),
        "transactionDate": DAY.isoformat(),
        "amount": "15.00",
        "reason": "Scratched",
        "against": entry_name(customer, invoice),
    }
    return given, {
        "entry.amount": "-15.00",
        "entry.openAmount": "0.00",
        "entry.reason": "Scratched",
        "entry.reference.id": given["against"],
        "allocations.0.amount": "15.00",
        "customer.pendingBalance": "25.00",
        "customer.advanceBalance": "0.00",
    }


async def _allocate(stage: Stage, customer: UUID) -> Prepared:
    invoice = await stage.books.invoice(customer, "40")
    payment = await stage.books.pay(customer, "30", auto_allocate=False)
    debit = entry_name(customer, invoice)
    given = {
        "credit": entry_name(customer, payment.entry_ids[0]),
        "idempotencyKey": str(uuid4()),
        "allocations": [{"debit": debit, "amount": "12.5"}],
    }
    return given, {
        "entry.id": given["credit"],
        "entry.openAmount": "17.50",
        "allocations.0.amount": "12.50",
        "allocations.0.debit.id": debit,
        "allocations.0.debit.openAmount": "27.50",
        "allocations.0.undoneAt": None,
        "customer.currentBalance": "10.00",
    }


async def _undo_allocation(stage: Stage, customer: UUID) -> Prepared:
    await stage.books.invoice(customer, "40")
    payment = await stage.books.pay(customer, "30")
    given = {
        "allocation": allocation_name(customer, payment.allocation_ids[0]),
        "idempotencyKey": str(uuid4()),
        "reason": "Wrong invoice",
    }
    return given, {
        "entry.openAmount": "30.00",
        "allocations.0.id": given["allocation"],
        "allocations.0.debit.openAmount": "40.00",
        "customer.pendingBalance": "40.00",
        "customer.advanceBalance": "30.00",
        "customer.currentBalance": "10.00",
    }


async def _save_product(_stage: Stage, _customer: UUID) -> Prepared:
    given = {
        "sku": unused_code(),
        "name": "Desk",
        "unitPrice": "199.9",
        "currency": "EUR",
        "taxRate": "0.19",
        "cost": "80",
        "stockOnHand": "7.5",
    }
    return given, {
        "product.sku": given["sku"],
        "product.unitPrice": "199.9000",
        "product.taxRate": "0.1900",
        "product.stockOnHand": "7.5000",
        "product.isActive": True,
    }


async def _create_fiscal_year(stage: Stage, _customer: UUID) -> Prepared:
    starts_on = await stage.next_year()
    return {"startsOn": starts_on.isoformat()}, {
        "periods.0.startsOn": starts_on.isoformat(),
        "periods.0.status": "OPEN",
        "periods.16.endsOn": f"{starts_on.year}-12-31",
    }


async def _save_user(_stage: Stage, _customer: UUID) -> Prepared:
    email = f"{unused_code().lower()}@example.com"
    given = {
        "email": email,
        "name": "Edsger",
        "roles": ["SUPPORT", "AUDITOR"],
        "password": "a long enough password",
    }
    return given, {
        "user.email": email,
        "user.name": "Edsger",
        "user.roles": ["SUPPORT", "AUDITOR"],
        "user.isActive": True,
    }


async def _run_reconciliation(_stage: Stage, customer: UUID) -> Prepared:
    given = {"customers": [customer_name(customer)], "incremental": False}
    return given, {"run.status": "QUEUED", "run.incremental": False}


_CUSTOMER_PAYLOAD = {"customer": "Customer"}
SCENARIOS = (
    Scenario(
        mutation="createCustomer",
        payload=_CUSTOMER_PAYLOAD,
        prepare=_create_customer,
        about_customer=False,
    ),
    Scenario(mutation="updateCustomer", payload=_CUSTOMER_PAYLOAD, prepare=_update_customer),
    Scenario(mutation="assignCustomer", payload=_CUSTOMER_PAYLOAD, prepare=_assign_customer),
    Scenario(mutation="deleteCustomer", payload=_CUSTOMER_PAYLOAD, prepare=_delete_customer),
    Scenario(mutation="restoreCustomer", payload=_CUSTOMER_PAYLOAD, prepare=_restore_customer),
    Scenario(mutation="postInvoice", payload=LEDGER_PAYLOAD, prepare=_post_invoice),
    Scenario(mutation="recordPayment", payload=LEDGER_PAYLOAD, prepare=_record_payment),
    Scenario(mutation="issueCreditNote", payload=LEDGER_PAYLOAD, prepare=_issue_credit_note),
    Scenario(mutation="allocate", payload=LEDGER_PAYLOAD, prepare=_allocate),
    Scenario(mutation="undoAllocation", payload=LEDGER_PAYLOAD, prepare=_undo_allocation),
    Scenario(
        mutation="saveProduct",
        payload={"product": "Product"},
        prepare=_save_product,
        about_customer=False,
    ),
    Scenario(
        mutation="createFiscalYear",
        payload={"period": "AccountingPeriod", "periods": "AccountingPeriod"},
        prepare=_create_fiscal_year,
        about_customer=False,
    ),
    Scenario(
        mutation="saveUser", payload={"user": "User"}, prepare=_save_user, about_customer=False
    ),
    Scenario(
        mutation="runReconciliation",
        payload={"run": "ReconciliationRun"},
        prepare=_run_reconciliation,
    ),
)
PUBLIC = {"login", "refreshToken", "logout"}
"""Mutations without a role: see test_session."""
