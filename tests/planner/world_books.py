"""What the company has booked: entries, all that hangs on them, and the figures that follow."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from tests.planner.world import EPOCH, Row, World, digest, hash_of, key, money

# Customers whose hash chain is broken, each in a way of its own.
MISSES_ONE, FOLLOWS_ANOTHER, FORGED, BEHIND = 4, 8, 10, 12


class Books:
    """One customer's entries with all that hangs on them, and the figures that follow."""

    def __init__(self, world: World, n: int) -> None:
        self.world = world
        self.n = n
        self.customer = world.rows("customers")[n]
        self.currency: str = self.customer["currency"]
        self.open: dict[UUID, Decimal] = {}
        self.entries: list[Row] = []

    def write(self) -> None:
        if self.n % 7 == 6:
            self._trail()
            self._account()
            return
        for place in range(3 + self.n % 4):
            self._entry(place)
        self._allocate()
        for entry in self.entries:
            if self.open[entry["id"]]:
                self._open_item(entry)
        self._trail()
        self._account()
        if self.n % 2 == 0:
            self._finding()

    def _entry(self, place: int) -> None:
        n = self.n
        is_debit = place % 3 != 1
        kind = "INVOICE" if is_debit else ("PAYMENT", "CREDIT_NOTE")[place % 2]
        amount = money((100 + 37 * place + (n % 3) * 10) * (1 if is_debit else -1), self.currency)
        day = date(2026, 1 + (place + n) % 3, 3 + n)
        entry = {
            "customer_id": self.customer["id"],
            "id": key("entry", n, place),
            "sequence": place + (2 if n == MISSES_ONE and place > 1 else 1),
            "number": f"{kind[:3]}-{n:02}{place:04}",
            "type": kind,
            "amount": amount,
            "currency": self.currency,
            "transaction_date": day,
            "due_date": day + timedelta(days=10 + place) if is_debit and place != 3 else None,
            "period_id": key("period", f"2026-0{day.month}"),
            "description": f"Entry {n}/{place}" if place % 2 else None,
            "reason": "goods came back" if kind == "CREDIT_NOTE" else None,
            "payment_method": "BANK_TRANSFER" if kind == "PAYMENT" else None,
            "reference_type": "EXTERNAL" if place == 2 else None,
            "related_entry_id": self.entries[0]["id"] if not is_debit else None,
            "external_reference": f"ext-{n}-{place}" if place % 2 == 0 else None,
            "posted_by": key("user", "accountant" if n % 2 else "controller"),
            "posted_at": EPOCH + timedelta(days=n, seconds=place),
            "previous_hash": self.entries[-1]["hash"] if place else bytes(32),
        }
        if n == FOLLOWS_ANOTHER and place == 2:
            entry["previous_hash"] = digest("another chain")
        self.entries.append(entry)
        self.open[entry["id"]] = abs(amount)
        self.world.rows("ledger_entries").append(entry)
        if is_debit:
            self._lines(entry, place)
        is_forged = n == FORGED and place in {1, 2}
        entry["hash"] = digest("forged", place) if is_forged else hash_of(self.world, entry)
        self._journal(entry["id"], "ENTRY", entry["transaction_date"], amount)

    def _lines(self, entry: Row, place: int) -> None:
        for line in range(1 + place % 2):
            self.world.rows("entry_lines").append(
                {
                    "customer_id": entry["customer_id"],
                    "entry_id": entry["id"],
                    "line_number": line + 1,
                    "product_id": key("product", (self.n + line) % 5) if line == 0 else None,
                    "description": f"Line {self.n}/{place}/{line}",
                    "quantity": Decimal("1.5000") + line,
                    "unit_price": Decimal("12.3456"),
                    "discount": money(line, self.currency),
                    "tax_rate": Decimal("0.1900"),
                    "total": money(50 + line, self.currency),
                    "currency": self.currency,
                }
            )

    def _journal(self, source_id: UUID, source: str, day: date, amount: Decimal) -> None:
        accounts = ("ACCOUNTS_RECEIVABLE", "REVENUE") if amount > 0 else ("CASH", "REVENUE")
        zero = money(0, self.currency)
        for line, account in enumerate(accounts):
            self.world.rows("journal_lines").append(
                {
                    "customer_id": self.customer["id"],
                    "source_id": source_id,
                    "line_number": line + 1,
                    "source": source,
                    "account": account,
                    "debit": zero if line else abs(amount),
                    "credit": abs(amount) if line else zero,
                    "currency": self.currency,
                    "accounting_date": day,
                    "tax_rate": None,
                }
            )

    def _allocate(self) -> None:
        debits = [entry for entry in self.entries if entry["amount"] > 0]
        credit = next(entry for entry in self.entries if entry["amount"] < 0)
        for place, debit in enumerate(debits[:3]):
            # The first debit is settled in full, the others in part or not at all.
            amount = debit["amount"] if place == 0 else money(5 + place, self.currency)
            made = self._allocation(place, credit, debit, amount, None)
            if place == 1:
                self._allocation(place + 10, credit, debit, -amount, made)

    def _allocation(
        self, place: int, credit: Row, debit: Row, amount: Decimal, undoes: UUID | None
    ) -> UUID:
        row_id = key("allocation", self.n, place)
        self.open[credit["id"]] -= amount
        self.open[debit["id"]] -= amount
        self.world.rows("allocations").append(
            {
                "customer_id": self.customer["id"],
                "id": row_id,
                "credit_id": credit["id"],
                "debit_id": debit["id"],
                "amount": amount,
                "currency": self.currency,
                "undoes_id": undoes,
                "accounting_date": date(2026, 3, 1),
                "reason": f"undone {self.n}" if undoes else None,
                "allocated_by": key("user", "accountant"),
                "allocated_at": EPOCH + timedelta(days=60, hours=place),
            }
        )
        self._journal(row_id, "ALLOCATION", date(2026, 3, 1), amount)
        return row_id

    def _open_item(self, entry: Row) -> None:
        self.world.rows("open_items").append(
            {
                "customer_id": entry["customer_id"],
                "entry_id": entry["id"],
                "is_debit": entry["amount"] > 0,
                "open_amount": self.open[entry["id"]],
                "currency": self.currency,
                "due_date": entry["due_date"],
                "accounting_date": entry["transaction_date"],
            }
        )

    def _account(self) -> None:
        signed = {True: money(0, self.currency), False: money(0, self.currency)}
        for entry in self.entries:
            signed[entry["amount"] > 0] += self.open[entry["id"]]
        self.world.rows("accounts").append(
            {
                "customer_id": self.customer["id"],
                "currency": self.currency,
                "pending": signed[True],
                "advance": signed[False],
                "credit_limit": money(61_000 + self.n // 2 * 173, self.currency),
                "sequence": len(self.entries),
                "head_hash": (
                    self.entries[-1 if self.n != BEHIND else 0]["hash"]
                    if self.entries
                    else bytes(32)
                ),
                "change_number": 5,
                "verified_change_number": 4,
                "verified_sequence": 2,
                "verified_hash": None,
                "verified_at": None,
            }
        )

    def _trail(self) -> None:
        for step in range(self.n % 3):
            self.world.rows("audit_events").append(
                {
                    "id": key("event", self.n, step),
                    "at": EPOCH + timedelta(days=self.n, minutes=step),
                    "actor_id": key("user", "admin") if step else None,
                    "action": ("createCustomer", "updateCustomer")[step],
                    "subject_type": "Customer",
                    "subject_id": self.customer["id"],
                    "customer_id": self.customer["id"],
                    "outcome": ("DONE", "REFUSED")[step],
                    "reason": f"Reason-{self.n}-Raven" if step else None,
                    "request_id": f"request-{self.n}-{step}",
                    "before": _recorded(f"Before-{self.n}-Bittern") if step else None,
                    "after": _recorded(f"After-{self.n}-{step}-Avocet"),
                    "policy_version": "1" if step else None,
                }
            )
        if self.entries:
            self.world.rows("audit_events").append(
                {
                    "id": key("event of entry", self.n),
                    "at": EPOCH + timedelta(days=self.n, hours=1),
                    "actor_id": None,
                    "action": "postInvoice",
                    "subject_type": "LedgerEntry",
                    "subject_id": self.entries[0]["id"],
                    "customer_id": self.customer["id"],
                    "outcome": "DONE",
                    "reason": None,
                    "request_id": f"request-{self.n}-entry",
                    "before": "{}",
                    "after": f'{{"number": "N-{self.n}", "amount": "{77_000 + self.n}.10"}}',
                    "policy_version": "1",
                }
            )

    def _finding(self) -> None:
        n = self.n
        is_resolved = n % 4 == 0
        self.world.rows("drift_findings").append(
            {
                "customer_id": self.customer["id"],
                "id": key("finding", n),
                "run_id": key("run", n // 2 % 2),
                "status": ("CORRECTED", "OPEN")[n // 2 % 2] if n else "ACKNOWLEDGED",
                "currency": self.currency,
                "stored_pending": money(880 + n, self.currency),
                "computed_pending": money(900 + n, self.currency),
                "stored_advance": money(0, self.currency),
                "computed_advance": money(3, self.currency),
                "figures": '[{"name": "accounts.pending", "stored": "1"}]',
                "first_divergent_entry_id": self.entries[0]["id"] if n % 3 else None,
                "detected_at": EPOCH + timedelta(days=70 + n),
                "resolved_by": key("user", "controller") if is_resolved else None,
                "resolved_at": EPOCH + timedelta(days=80) if is_resolved else None,
                "note": f"Finding-{n}-Finch" if is_resolved else None,
            }
        )


def _recorded(name: str) -> str:
    """What is recorded of a customer: texts by which they would be known, and others."""
    columns: dict[str, Any] = {
        "code": name,
        "contact_name": f"Contact {name}",
        "email": f"mail-{name}@example.com",
        "phone": None,
        "tax_id": f"tax {name}",
        "notes": f"note {name}",
        "address_line1": f"street {name}",
        "address_line2": None,
        "address_country": "NL",
        "receive_sms": True,
        "locale": "nl",
        "payment_terms_days": 14,
        "credit_limit": "450.00",
        "assigned_to": str(key("user", "sales_rep")),
        "tags": [name],
        "unheard_of": name,
    }
    return orjson.dumps(columns).decode()
