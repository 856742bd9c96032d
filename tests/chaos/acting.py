"""What one client does: new postings of every kind, replays, and keys used for something else."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import count
from random import Random
from typing import Any
from uuid import UUID, uuid4

from app.domain import global_id
from tests.chaos.asking import Account, Ask, Person, Told

# Days of the past, whenever this runs: what lowers a balance is not dated after today.
FIRST_DAY = date(2026, 1, 1)
TAX_RATES = ("0", "0.07", "0.19")

FIGURES = ("pendingBalance", "advanceBalance", "currentBalance")
BALANCES = """
    query($id: ID!) {
        customer(id: $id) { pendingBalance advanceBalance currentBalance }
        customers { nodes { pendingBalance advanceBalance currentBalance } }
    }
"""

EXCEEDS = ("AMOUNT_EXCEEDS_OPEN",)
UNDONE = ("INVALID_STATE",)
CONFLICT = ("IDEMPOTENCY_CONFLICT",)


@dataclass
class Actor:
    """One client with a generator of its own. `step` does one thing and learns what came of it."""

    person: Person
    told: Told
    random: Random

    async def work(self, until: Callable[[], bool]) -> None:
        while not until():
            await self.step()

    async def step(self) -> None:
        (act,) = self.random.choices(_ACTS, _WEIGHTS)
        await act(self)

    async def post(self) -> None:
        ask = self._new()
        if ask is not None:
            await self.told.settle(ask)

    async def replay(self) -> None:
        """The same request again, whoever has posted what meanwhile."""
        earlier = self._earlier()
        if earlier is not None:
            answer = await self.told.settle(replace(earlier, may_be_refused=()))
            assert answer.replayed

    async def reuse(self) -> None:
        """A key that was used, for something else: always refused."""
        earlier, other = self._earlier(), self._safe()
        if earlier is not None:
            refused = replace(other, key=earlier.key, may_be_refused=CONFLICT)
            assert (await self.told.settle(refused)).code == "IDEMPOTENCY_CONFLICT"

    async def same_at_once(self) -> None:
        """One request three times at the same moment: one executes, the others replay it."""
        ask = self._new()
        if ask is None:
            return
        lost = self._disturbances()
        answers = await asyncio.gather(*(self.told.settle(ask) for _ in range(3)))
        done = [each for each in answers if each.code is None]
        executed = sum(not each.replayed for each in done)
        assert executed <= 1
        if done and self._disturbances() == lost:
            assert executed == 1, answers

    async def other_at_once(self) -> None:
        """Two different postings under one key at the same moment: one of them is refused."""
        ask = replace(self._safe(), may_be_refused=CONFLICT)
        rival = replace(self._safe(ask.key), may_be_refused=CONFLICT)
        answers = await asyncio.gather(self.told.settle(ask), self.told.settle(rival))
        assert [each.code for each in answers].count(None) == 1, answers

    async def anothers_key(self) -> None:
        """Keys are each user's own. Another client of this user may be using it just now."""
        others = [each for each in self.told.asked if each[0] != self.person.user_id]
        if others:
            _, key = self.random.choice(others[-50:])
            if (self.person.user_id, key) not in self.told.asked:
                await self.told.settle(replace(self._safe(key), may_be_refused=CONFLICT))

    async def refused_first(self) -> None:
        """A refused request leaves nothing and does not use its key up."""
        good = self._safe()
        for wrong, code in (
            ({"customer": global_id.encode("Customer", uuid4())}, "NOT_FOUND"),
            ({"amount": "0"}, "VALIDATION"),
            ({"transactionDate": "1950-01-01"}, "PERIOD_MISSING"),
        ):
            bad = replace(good, input={**good.input, **wrong}, may_be_refused=(code,))
            assert (await self.told.settle(bad)).code == code
        await self.told.settle(good)

    async def forbidden(self) -> None:
        """What the role may not do."""
        if "postInvoice" not in self.person.mutations:
            account = self.random.choice(self.person.customers)
            ask = self._ask("postInvoice", account, self._invoice(account))
            await self.told.settle(replace(ask, may_be_refused=("FORBIDDEN",)))

    async def look(self) -> None:
        """The balances of a customer and of all that the client sees, at one moment."""
        account = self.random.choice(self.person.customers)
        reply = await self.told.read(self.person.client, BALANCES, {"id": account.name})
        for balances in (reply["customer"], *reply["customers"]["nodes"]):
            pending, advance, current = (Decimal(balances[name]) for name in FIGURES)
            assert pending - advance == current

    def _disturbances(self) -> int:
        return self.told.counts["lost"] + self.told.counts["unavailable"]

    def _earlier(self) -> Ask | None:
        own = [ask for identity, ask in self.told.asked.items() if identity[0] == self._id]
        return self.random.choice(own[-100:]) if own else None

    @property
    def _id(self) -> UUID:
        return self.person.user_id

    def _new(self) -> Ask | None:
        account = self.random.choice(self.person.customers)
        mutation = self.random.choice(self.person.mutations)
        made = _MAKERS[mutation](self, account)
        return None if made is None else self._ask(mutation, account, made)

    def _safe(self, key: str | None = None) -> Ask:
        """A payment that nothing anybody else does can get in the way of."""
        account = self.random.choice(self.person.customers)
        return self._ask("recordPayment", account, self._money(account), key)

    def _ask(
        self, mutation: str, account: Account, made: Mapping[str, Any], key: str | None = None
    ) -> Ask:
        key = key or f"{self.random.getrandbits(64):016x}-{next(_serial)}"
        fields: dict[str, Any] = dict(made)
        wanted: dict[str, Any] = fields.pop("input")
        if fields.get("amount") is not None:
            wanted = {**wanted, "customer": account.name}
            # Unlike its key, which several may use, this names one of a customer's payments.
            wanted["externalReference"] = f"{key}-{next(_serial)}"
        return Ask(
            person=self.person, key=key, mutation=mutation, account=account, input=wanted, **fields
        )

    def _day(self) -> str:
        return (FIRST_DAY + timedelta(days=self.random.randrange(300))).isoformat()

    def _invoice(self, account: Account) -> Mapping[str, Any]:
        lines, total = [], Decimal(0)
        for number in range(self.random.randint(1, 3)):
            line, line_total = self._line(account, number)
            lines.append(line)
            total += line_total
        given = {"transactionDate": self._day(), "lineItems": lines}
        if self.random.random() < 0.5:
            given["dueDate"] = "2027-01-31"
        return {"input": given, "amount": total}

    def _line(self, account: Account, number: int) -> tuple[dict[str, Any], Decimal]:
        """A line, and what it comes to as the contract has it: tax on the rounded net."""
        quantity = Decimal(self.random.randint(1, 99999)).scaleb(-4) + 1
        price = Decimal(self.random.randint(1, 9_999_999)).scaleb(-4) + 10
        rate = Decimal(self.random.choice(TAX_RATES))
        discount = account.money(self.random.randint(0, 1))
        net = _rounded(quantity * price - discount, account)
        line = {
            "description": f"Line {number}",
            "quantity": str(quantity),
            "unitPrice": str(price),
            "discount": str(discount),
            "taxRate": str(rate),
        }
        return line, net + _rounded(net * rate, account)

    def _money(self, account: Account) -> dict[str, Any]:
        amount = account.money(self.random.randint(1, 500_000))
        given: dict[str, Any] = {
            "transactionDate": self._day(),
            "amount": str(amount),
            "method": self.random.choice(("CASH", "CARD", "BANK_TRANSFER", "CHEQUE")),
            "autoAllocate": self.random.random() < 0.7,
        }
        return {"input": given, "amount": -amount}

    def _payment(self, account: Account) -> Mapping[str, Any]:
        made = self._money(account)
        wishes = self._wishes(account, -made["amount"])
        if wishes and self.random.random() < 0.5:
            made["input"]["allocations"] = wishes
            made["may_be_refused"] = EXCEEDS
        return made

    def _credit_note(self, account: Account) -> Mapping[str, Any]:
        amount = account.money(self.random.randint(1, 50_000))
        given = {"transactionDate": self._day(), "amount": str(amount), "reason": "Damaged"}
        debits = self.told.debits.get(account.id)
        made: dict[str, Any] = {"input": given, "amount": -amount}
        if debits and self.random.random() < 0.5:
            given["against"] = self.random.choice(debits)[0]
            made["may_be_refused"] = EXCEEDS  # by what others have credited of it already
        return made

    def _allocate(self, account: Account) -> Mapping[str, Any] | None:
        known = self.told.credits.get(account.id)
        if not known:
            return None
        credit, amount = self.random.choice(known[-30:])
        wishes = self._wishes(account, amount)
        if not wishes:
            return None
        return {"input": {"credit": credit, "allocations": wishes}, "may_be_refused": EXCEEDS}

    def _undo(self, account: Account) -> Mapping[str, Any] | None:
        allocations = self.told.allocations.get(account.id)
        if not allocations:
            return None
        chosen = self.random.choice(allocations[-30:])
        return {
            "input": {"allocation": chosen.id, "reason": "Wrong invoice"},
            "undoes": chosen.id,
            "may_be_refused": UNDONE,
        }

    def _wishes(self, account: Account, available: Decimal) -> list[dict[str, str]]:
        debits = self.told.debits.get(account.id, [])
        chosen = self.random.sample(debits[-20:], min(len(debits), self.random.randint(1, 2)))
        wishes = []
        for debit, owed in chosen:
            most = int(min(owed, available / 2).scaleb(account.digits))
            if most >= 1:
                amount = account.money(self.random.randint(1, most))
                wishes.append({"debit": debit, "amount": str(amount)})
        return wishes


def _rounded(amount: Decimal, account: Account) -> Decimal:
    return amount.quantize(account.money(1), rounding=ROUND_HALF_UP)


_serial = count(1)
_MAKERS: dict[str, Callable[[Actor, Account], Mapping[str, Any] | None]] = {
    "postInvoice": Actor._invoice,
    "recordPayment": Actor._payment,
    "issueCreditNote": Actor._credit_note,
    "allocate": Actor._allocate,
    "undoAllocation": Actor._undo,
}
MUTATIONS = tuple(_MAKERS)
_ACTS, _WEIGHTS = zip(
    (Actor.post, 60),
    (Actor.replay, 15),
    (Actor.reuse, 6),
    (Actor.same_at_once, 6),
    (Actor.other_at_once, 4),
    (Actor.anothers_key, 3),
    (Actor.refused_first, 3),
    (Actor.forbidden, 3),
    (Actor.look, 10),
    strict=True,
)
