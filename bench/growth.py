"""Hot questions on small books and on large ones: what does not read the book costs the same."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from statistics import median
from uuid import UUID

from app.domain import global_id
from bench import scenarios
from bench.books import Books
from bench.load import Measured

SMALL = 10_000
TARGET = 2.0

ENTRIES = "nodes { id number type amount transactionDate dueDate }"
CUSTOMERS = "nodes { id code businessName pendingBalance }"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What one of the users asks; `$id` is one of the customers of the book."""

    title: str
    asker: str
    text: str
    about: Callable[[Books], UUID] = lambda books: books.largest


def _debtor(books: Books) -> UUID:
    return books.debtor


QUESTIONS = (
    Question(
        title="the largest customer",
        asker="accountant",
        text="{ customer(id: $id) { id code businessName pendingBalance creditLimit } }",
    ),
    Question(
        title="a rep's 50 customers, 10 entries each",
        asker="rep1",
        text=f"{{ customers(first: 50) {{ nodes {{ id code ledgerEntries(first: 10) "
        f"{{ {ENTRIES} }} }} }} }}",
    ),
    Question(
        title="ledger page of the largest customer",
        asker="accountant",
        text=f"{{ customer(id: $id) {{ ledgerEntries(first: 50) {{ {ENTRIES} }} }} }}",
    ),
    Question(
        title="ageing of the largest customer",
        asker="accountant",
        text="{ customer(id: $id) { ageing { total notDue over90 } overdueAmount } }",
    ),
    Question(
        title="open items of who never pays",
        asker="accountant",
        text=f"{{ customer(id: $id) {{ openItems(first: 50) {{ {ENTRIES} }} }} }}",
        about=_debtor,
    ),
    Question(
        title="a rep's first entries",
        asker="rep1",
        text=f"{{ ledgerEntries(first: 50) {{ {ENTRIES} }} }}",
    ),
    Question(
        title="first entries of a rep with new customers",
        asker="new",
        text=f"{{ ledgerEntries(first: 50) {{ {ENTRIES} }} }}",
    ),
    Question(
        title="customers by overdueAmount",
        asker="accountant",
        text=f"{{ customers(first: 50, orderBy: [{{ field: OVERDUE_AMOUNT, direction: DESC }}]) "
        f"{{ {CUSTOMERS} }} }}",
    ),
    Question(
        title="customers by pendingBalance",
        asker="accountant",
        text=f"{{ customers(first: 50, orderBy: [{{ field: PENDING_BALANCE, direction: DESC }}]) "
        f"{{ {CUSTOMERS} }} }}",
    ),
    *(
        Question(
            title=f"all entries by {name}",
            asker="accountant",
            text=f"{{ ledgerEntries(first: 50, orderBy: [{{ field: {order}, direction: DESC }}]) "
            f"{{ {ENTRIES} }} }}",
        )
        for name, order in (
            ("date", "TRANSACTION_DATE"),
            ("due date", "DUE_DATE"),
            ("amount", "AMOUNT"),
        )
    ),
    Question(
        title="credit notes, one entry in two thousand",
        asker="accountant",
        text=f"{{ ledgerEntries(first: 50, filter: {{ type: [CREDIT_NOTE] }}) {{ {ENTRIES} }} }}",
    ),
    Question(
        title="totalCount of entries",
        asker="accountant",
        text="{ ledgerEntries(first: 1) { totalCount } }",
    ),
    Question(
        title="search of a word that 1 name in 8 has",
        asker="accountant",
        text=f'{{ customers(first: 50, filter: {{ search: "Golden" }}) {{ {CUSTOMERS} }} }}',
    ),
)


@dataclass(frozen=True, kw_only=True)
class Growth:
    """One question's rounds on small and on large books."""

    title: str
    small: list[Measured]
    large: list[Measured]

    @property
    def small_ms(self) -> float:
        return median(each.p50_ms for each in self.small)

    @property
    def large_ms(self) -> float:
        return median(each.p50_ms for each in self.large)

    @property
    def ratio(self) -> float:
        """Large to small, of the medians."""
        return self.large_ms / self.small_ms


def request(question: Question, books: Books, token: str) -> bytes:
    """One POST."""
    uses_id = "$id" in question.text
    text = f"query Asked($id: ID!) {question.text}" if uses_id else question.text
    variables: Mapping[str, str] = (
        {"id": global_id.encode("Customer", question.about(books))} if uses_id else {}
    )
    return scenarios.graphql(text, variables, token)


async def measure(
    ask_small: Callable[[Question], Awaitable[Measured]],
    ask_large: Callable[[Question], Awaitable[Measured]],
    rounds: int,
    report: Callable[[str], None],
) -> list[Growth]:
    """Every question, small and large in turns."""
    found = []
    for question in QUESTIONS:
        growth = Growth(title=question.title, small=[], large=[])
        for _ in range(rounds):
            growth.small.append(await ask_small(question))
            growth.large.append(await ask_large(question))
        report(f"{question.title}: {growth.small_ms:.1f} / {growth.large_ms:.1f} ms")
        found.append(growth)
    return found
