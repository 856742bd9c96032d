"""Bad input to everything that moves money."""

from collections.abc import Iterator
from typing import Any

from tests.api.bad import LINE, Bad, Named, invalid, refused, uncoerced
from tests.api.ground import USED_KEY

ENTRIES = ("postInvoice", "recordPayment", "issueCreditNote")
AMOUNTS = ("recordPayment", "issueCreditNote")
KEYED = (*ENTRIES, "allocate", "undoAllocation")

KEYS = {
    "an empty key": "",
    "a blank key": "   ",
    "a key of 201 characters": "k" * 201,
    "a key with a line break": "a\nb",
    "a key with an escape": "a\x1bb",
    "a key with blanks around it": " a ",
    "a key of a megabyte": "k" * 900_000,
}
IDS = {
    "an empty id": "",
    "no id": "customer-1",
    "an id with a blank": "Q3UBoggvZ7h4z7TQDZiCVWm ",
    "an id that is too short": "Q3UB",
    "an id with an unknown tag": "WFgBoggvZ7h4z7TQDZiCVWmh",
    "an id with other characters": "é" * 24,
    "an id of a megabyte": "A" * 900_000,
    "the id of a user": Named("rep"),
}
DATES = {
    "in no period": ("1990-03-10", "PERIOD_MISSING"),
    "in a closed month": ("2021-03-10", "PERIOD_CLOSED"),
    "in a month that is being closed": ("2021-04-10", "PERIOD_CLOSED"),
    "in a locked month": ("2021-05-10", "PERIOD_LOCKED"),
    "in an open month of a closed year": ("2022-06-10", "PERIOD_CLOSED"),
    "in an open month of a locked quarter": ("2023-05-10", "PERIOD_LOCKED"),
    "in an open month of a year that is being closed": ("2024-06-10", "PERIOD_CLOSED"),
    "in the year 1": ("0001-01-02", "VALIDATION"),
    "in the year 9999": ("9999-12-30", "VALIDATION"),
    "in the year 2201": ("2201-01-01", "VALIDATION"),
}
NO_DATES = (
    *("2026-02-30", "2026-13-01", "26-01-01", "2026-01-01T00:00:00Z", "0000-01-01"),
    *("0001-01-01", "9999-12-31", "", 20260101),
)
OUT_OF_USE = {
    "DELETED": "CUSTOMER_DELETED",
    "MERGED": "CUSTOMER_MERGED",
    "ARCHIVED": "INVALID_STATE",
}
NOT_ABOVE_ZERO = ("0", "0.00", "-0", "-1", "-0.01")
TOO_LARGE = ("1000000000000000", "9" * 30)
NO_DECIMALS: tuple[Any, ...] = (
    *("1" * 40, "1." + "0" * 13, "1e3", "1E3", "NaN", "Infinity", "-Infinity", "", " 1", "1,5"),
    *("0x10", "1_000", "\u0661", "+1", ".5", "1.", 1.5, 1.0, True, [], {}, None),
)
NO_TEXT = {
    "an escape": "a\x1bb",
    "a line break": "a\nb",
    "a line separator": "a\u2028b",
    "a megabyte": "x" * 900_000,
}


def cases() -> Iterator[Bad]:
    """All of them."""
    for mutation in KEYED:
        for name, key in KEYS.items():
            yield invalid(mutation, name, {"idempotencyKey": key})
        yield refused(
            mutation,
            "a key used for something else",
            {"idempotencyKey": USED_KEY},
            "IDEMPOTENCY_CONFLICT",
            "idempotencyKey",
        )
    for mutation in ENTRIES:
        yield from _entries(mutation)
    for mutation in AMOUNTS:
        yield from _amounts(mutation)
    yield from _lines()
    yield from _invoices()
    yield from _payments()
    yield from _wishes("recordPayment", {"amount": "200.00"})
    yield from _wishes("allocate", {})
    yield from _credits()


def _entries(mutation: str) -> Iterator[Bad]:
    for name, it in IDS.items():
        yield invalid(mutation, f"customer is {name}", {"customer": it})
    yield invalid(mutation, "customer is the id of an entry", {"customer": Named("debit")})
    yield refused(
        mutation, "an unknown customer", {"customer": Named("unknown")}, "NOT_FOUND", "customer"
    )
    for status, code in OUT_OF_USE.items():
        yield refused(mutation, status, {"customer": Named(status)}, code, "customer")
    for name, (day, code) in DATES.items():
        yield refused(mutation, f"dated {name}", {"transactionDate": day}, code, "transactionDate")
    for day in NO_DATES:
        yield uncoerced(mutation, f"dated {day!r}", {"transactionDate": day}, "transactionDate")
    for name, text in NO_TEXT.items():
        yield invalid(mutation, f"a reference with {name}", {"externalReference": text})
    yield invalid(mutation, "a long reference", {"externalReference": "r" * 101})
    yield uncoerced(mutation, "an unknown field", {"bribe": "1.00"}, "bribe")
    yield uncoerced(mutation, "no customer", {"customer": None}, "customer")
    yield uncoerced(mutation, "a list of customers", {"customer": ["a", "b"]}, "customer")


def _amounts(mutation: str) -> Iterator[Bad]:
    for amount in (*NOT_ABOVE_ZERO, *TOO_LARGE):
        yield invalid(mutation, f"amount {amount}", {"amount": amount})
    for amount in NO_DECIMALS:
        yield uncoerced(mutation, f"amount {amount!r}", {"amount": amount}, "amount")
    for currency, amount in {"EUR": "1.001", "JPY": "1.5", "KWD": "1.0001"}.items():
        changes = {"customer": Named(currency), "amount": amount}
        yield invalid(mutation, f"{currency} {amount}", changes, "amount")


def _lines() -> Iterator[Bad]:
    wrong: dict[str, tuple[Any, ...]] = {
        "quantity": ("0", "-1", "1.00001", "1000000000000000"),
        "unitPrice": ("-1", "1.00001", "1000000000000000"),
        "discount": ("-1", "10.01", "0.001"),
        "taxRate": ("-0.1", "1.0001", "19", "0.00001"),
        "description": ("a\x01b", "x" * 201, "x" * 900_000),
        "sku": ("a\x7fb", "x" * 101),
    }
    for field, values in wrong.items():
        for value in values:
            yield invalid(
                "postInvoice",
                f"{field} {value[:20]!r} ({len(value)})",
                {"lineItems": [LINE, {**LINE, field: value}]},
                *("lineItems", "1", field),
            )
    for field in ("quantity", "unitPrice", "discount", "taxRate"):
        lines = [{**LINE, field: 0.5}]
        yield uncoerced("postInvoice", f"{field} a float", {"lineItems": lines}, field)
    for sku, code in {
        "NONE": "NOT_FOUND",
        "EUR-1": "CURRENCY_MISMATCH",
        "OLD-1": "INVALID_STATE",
    }.items():
        lines = [LINE, {**LINE, "sku": sku}]
        yield refused("postInvoice", sku, {"lineItems": lines}, code, "lineItems", "1", "sku")


def _invoices() -> Iterator[Bad]:
    for name, lines in {
        "no line": [],
        "10,000 lines": [LINE] * 10_000,
        "1,001 lines": [LINE] * 1_001,
        "lines of nothing": [{**LINE, "unitPrice": "0"}],
        "lines beyond every amount": [{**LINE, "unitPrice": "900000000000000"}] * 2,
    }.items():
        yield invalid("postInvoice", name, {"lineItems": lines})
    bare = {name: value for name, value in LINE.items() if name != "description"}
    for line in (bare, {**LINE, "description": " "}):
        changes = {"lineItems": [LINE, line]}
        yield invalid("postInvoice", f"a line of no name {len(line)}", changes, "lineItems", "1")
    huge = [{**LINE, "quantity": "900000000000000", "unitPrice": "900000000000000"}]
    yield invalid("postInvoice", "a huge line", {"lineItems": huge}, "lineItems", "0")
    yield uncoerced("postInvoice", "lines are null", {"lineItems": None}, "lineItems")
    yield uncoerced("postInvoice", "a line is null", {"lineItems": [None]}, "lineItems")
    for day in ("2026-03-09", "1950-01-01", "9999-12-30"):
        yield invalid("postInvoice", f"due {day}", {"dueDate": day})
    yield invalid("postInvoice", "a long description", {"description": "x" * 2_001})
    yield invalid("postInvoice", "a description with a bell", {"description": "a\x07b"})


def _payments() -> Iterator[Bad]:
    yield invalid("recordPayment", "on account", {"method": "ACCOUNT"})
    yield uncoerced("recordPayment", "in kind", {"method": "GOATS"}, "method")
    yield uncoerced("recordPayment", "no method", {"method": None}, "method")


def _wishes(mutation: str, changes: dict[str, Any]) -> Iterator[Bad]:
    def wish(debit: Any, amount: Any = "1.00") -> dict[str, Any]:
        return {"debit": debit, "amount": amount}

    def asking(*wishes: Any) -> dict[str, Any]:
        return {**changes, "allocations": list(wishes)}

    good, first = wish(Named("debit")), ("allocations", "0", "debit")
    for name in ("credit", "far debit", "unknown debit", "nobody's debit"):
        yield refused(mutation, f"to {name}", asking(wish(Named(name))), "NOT_FOUND", *first)
    for name, it in IDS.items():
        yield invalid(mutation, f"to {name}", asking(wish(it)), *first)
    yield invalid(mutation, "twice to one", asking(good, good), "allocations", "1", "debit")
    at_amount = ("allocations", "0", "amount")
    yield refused(
        mutation,
        "to a settled debit",
        asking(wish(Named("settled"))),
        "AMOUNT_EXCEEDS_OPEN",
        *at_amount,
    )
    yield refused(
        mutation,
        "above what is open",
        asking(wish(Named("debit"), "100.01")),
        "AMOUNT_EXCEEDS_OPEN",
        *at_amount,
    )
    for amount in (*NOT_ABOVE_ZERO, *TOO_LARGE, "0.001"):
        yield invalid(
            mutation, f"so much as {amount}", asking(wish(Named("debit"), amount)), *at_amount
        )
    yield uncoerced(mutation, "a float", asking(wish(Named("debit"), 0.5)), "amount")
    yield invalid(mutation, "to a thousand and one", asking(*[good] * 1_001), "allocations")


def _credits() -> Iterator[Bad]:
    more = {"amount": "0.99", "allocations": [{"debit": Named("debit"), "amount": "1.00"}]}
    exceeds = ("AMOUNT_EXCEEDS_OPEN", "allocations", "0", "amount")
    yield refused("recordPayment", "more than was paid", more, *exceeds)
    above = {"allocations": [{"debit": Named("debit"), "amount": "40.01"}]}
    yield refused("allocate", "more than the credit has", above, *exceeds)
    yield invalid("allocate", "nothing", {"allocations": []})
    for mutation, field, type_name in (
        ("allocate", "credit", "debit"),
        ("undoAllocation", "allocation", "allocation"),
        ("issueCreditNote", "against", "debit"),
    ):
        for name, it in IDS.items():
            yield invalid(mutation, f"{field} is {name}", {field: it})
        yield invalid(mutation, f"{field} is a customer", {field: Named("customer")})
        for name in (f"unknown {type_name}", f"nobody's {type_name}"):
            yield refused(mutation, f"{field}: {name}", {field: Named(name)}, "NOT_FOUND", field)
    yield refused("allocate", "a debit", {"credit": Named("debit")}, "NOT_FOUND", "credit")
    for name in ("credit", "far debit"):
        changes = {"against": Named(name)}
        yield refused("issueCreditNote", f"against {name}", changes, "NOT_FOUND", "against")
    undone = {"allocation": Named("undone")}
    yield refused("undoAllocation", "what is undone", undone, "INVALID_STATE", "allocation")
    for mutation in ("undoAllocation", "issueCreditNote"):
        for name, text in {**NO_TEXT, "nothing": " ", "too much": "x" * 201}.items():
            yield invalid(mutation, f"a reason of {name}", {"reason": text})
