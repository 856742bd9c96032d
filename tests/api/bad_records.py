"""Bad input to everything else that can be changed."""

from collections.abc import Iterator
from typing import Any

from tests.api.bad import BASES, Bad, Named, invalid, refused, uncoerced

ADDRESS = {"line1": "1 Main St", "city": "Springfield", "country": "US"}
BAD_EMAILS = ("a", "a@", "@b.c", "a b@c.d", "a@b..c", "a@b.c,d@e.f", "a@b", "a" * 250 + "@b.cd")
VERSIONED = ("updateCustomer", "assignCustomer", "deleteCustomer", "restoreCustomer")


def cases() -> Iterator[Bad]:
    """All of them."""
    for mutation in BASES:
        for name, text in {
            "long": "x" * 201,
            "of a megabyte": "x" * 900_000,
            "with an escape": "\x1b[2J",
        }.items():
            meta = {"clientMutationId": text}
            path = ("meta", "clientMutationId")
            yield invalid(mutation, f"a mutation id {name}", {"meta": meta}, *path)
        yield uncoerced(mutation, "a wish that is none", {"meta": {"dryRun": "yes"}}, "dryRun")
        yield uncoerced(mutation, "an unknown wish", {"meta": {"force": True}}, "force")
    for mutation in VERSIONED:
        yield from _versioned(mutation)
    for mutation in ("createCustomer", "updateCustomer"):
        yield from _customer_fields(mutation)
    yield from _new_customers()
    yield from _changed_customers()
    yield from _statuses()
    yield from _products()
    yield from _years()
    yield from _users()
    yield from _runs()


def _versioned(mutation: str) -> Iterator[Bad]:
    for version in (0, 2, -1, 2_147_483_647):
        changes = {"expectedVersion": version}
        yield refused(mutation, f"version {version}", changes, "CONFLICT", "expectedVersion")
    for version in ("1", 1.5, 2_147_483_648, None):
        changes = {"expectedVersion": version}
        yield uncoerced(mutation, f"version {version!r}", changes, "expectedVersion")
    for name in ("", "x", "A" * 900_000, Named("rep"), Named("debit")):
        yield invalid(mutation, f"id {name[:20]!r} ({len(name)})", {"id": name})
    yield refused(mutation, "nobody", {"id": Named("unknown")}, "NOT_FOUND", "id")


def _customer_fields(mutation: str) -> Iterator[Bad]:
    wrong: dict[str, tuple[Any, ...]] = {
        "businessName": ("", "  ", "x" * 201, "a\nb", "x" * 900_000),
        "contactName": ("x" * 201, "a\x1bb"),
        "email": BAD_EMAILS,
        "phone": ("call me", "1", "+49 30 " + "1" * 40, "123\n456"),
        "taxId": ("x" * 101, "a\x01b"),
        "paymentTermsDays": (-1, 366, 2_147_483_647),
        "tags": (["t"] * 51,),
    }
    for field, values in wrong.items():
        for value in values:
            yield invalid(mutation, f"{field} {_short(value)}", {field: value})
    for tag in ("", " ", "x" * 41, "a\nb"):
        path = ("tags", "1")
        yield invalid(mutation, f"tag {_short(tag)}", {"tags": ["fine", tag]}, *path)
    for field, values in {
        "country": ("XX", "de", "Germany", ""),
        "line1": ("", "x" * 201),
        "line2": ("a\x1bb",),
        "city": (" ", "x" * 101),
        "region": ("x" * 101,),
        "postalCode": ("x" * 21, "a\nb"),
    }.items():
        for value in values:
            changes = {"billingAddress": {**ADDRESS, field: value}}
            yield invalid(mutation, f"{field} {_short(value)}", changes, "billingAddress", field)
    yield uncoerced(
        mutation, "half an address", {"billingAddress": {"line1": "1 Main St"}}, "billingAddress"
    )
    yield uncoerced(mutation, "a new type", {"customerType": "ALIEN"}, "customerType")
    yield uncoerced(mutation, "terms of text", {"paymentTermsDays": "30"}, "paymentTermsDays")


def _new_customers() -> Iterator[Bad]:
    for code in ("", "x" * 41, "a\nb", " a", "a\u200eb", "x" * 900_000):
        yield invalid("createCustomer", f"code {_short(code)}", {"code": code})
    taken = {"code": "TAKEN"}
    yield refused("createCustomer", "a code that is taken", taken, "DUPLICATE_CODE", "code")
    for currency in ("XXX", "eur", "EURO", "", "US", 978):
        yield uncoerced("createCustomer", f"in {currency!r}", {"currency": currency}, "currency")
    for currency, limit in (("EUR", "-1"), ("EUR", "0.001"), ("JPY", "0.5"), ("KWD", "1.0001")):
        changes = {"currency": currency, "creditLimit": limit}
        yield invalid("createCustomer", f"up to {currency} {limit}", changes, "creditLimit")
    unknown = {"assignedTo": Named("unknown user")}
    yield refused("createCustomer", "of nobody", unknown, "NOT_FOUND", "assignedTo")
    yield invalid("createCustomer", "of a customer", {"assignedTo": Named("customer")})


def _changed_customers() -> Iterator[Bad]:
    for field in ("businessName", "customerType", "paymentTermsDays", "tags", "preferences"):
        yield invalid("updateCustomer", f"{field} cleared", {field: None})
    for name, notes in {"long": "x" * 2_001, "with a bell": "a\x07b"}.items():
        yield invalid("updateCustomer", f"{name} notes", {"notes": notes})
    for field, values in {
        "locale": ("english", "EN_us", "", None, "de-"),
        "timeZone": ("Mars/Olympus", "../../etc/passwd", "", "utc+1", None),
        "quietFrom": ("25:00", "9:00", "21:60", "2130", "", "21:30:00"),
        "quietUntil": ("24:00", "midnight"),
        "receiveEmails": (None,),
    }.items():
        for value in values:
            changes = {"preferences": {field: value}}
            yield invalid("updateCustomer", f"{field} {value!r}", changes, "preferences", field)
    yield uncoerced(
        "updateCustomer", "perhaps", {"preferences": {"receiveSms": "perhaps"}}, "receiveSms"
    )


def _statuses() -> Iterator[Bad]:
    for status, code in {
        "DELETED": "CUSTOMER_DELETED",
        "MERGED": "CUSTOMER_MERGED",
        "ARCHIVED": "INVALID_STATE",
    }.items():
        for mutation in ("updateCustomer", "assignCustomer", "deleteCustomer"):
            yield refused(mutation, status, {"id": Named(status)}, code, "id")
    for mutation, name in (
        ("deleteCustomer", "SUSPENDED"),
        ("restoreCustomer", "empty"),
        ("restoreCustomer", "MERGED"),
    ):
        yield refused(mutation, name, {"id": Named(name)}, "INVALID_STATE", "id")
    owing = {"id": Named("customer")}
    yield refused("deleteCustomer", "who owes", owing, "CUSTOMER_NOT_EMPTY", "id")
    for reason in ("", " ", "x" * 201, "a\nb"):
        yield invalid("deleteCustomer", f"for {_short(reason)}", {"reason": reason})
    unknown = {"assignedTo": Named("unknown user")}
    yield refused("assignCustomer", "to nobody", unknown, "NOT_FOUND", "assignedTo")
    yield invalid("assignCustomer", "to a customer", {"assignedTo": Named("customer")})
    yield invalid("assignCustomer", "to no id", {"assignedTo": "rep"})


def _products() -> Iterator[Bad]:
    numbers = ("-1", "0.00001", "1000000000000000")
    wrong: dict[str, tuple[Any, ...]] = {
        "sku": ("", "x" * 65, "a\nb", " a"),
        "name": ("", "x" * 201, "a\x1bb"),
        "unitPrice": numbers,
        "cost": numbers,
        "stockOnHand": numbers,
        "taxRate": ("-0.1", "1.1", "0.00001"),
    }
    for field, values in wrong.items():
        for value in values:
            yield invalid("saveProduct", f"{field} {_short(value)}", {field: value})
    for field in ("unitPrice", "cost", "taxRate", "stockOnHand"):
        yield uncoerced("saveProduct", f"{field} a float", {field: 0.5}, field)
    yield uncoerced("saveProduct", "in gold", {"currency": "XAU"}, "currency")


def _years() -> Iterator[Bad]:
    for day in ("1990-01-02", "1800-01-01", "2201-01-01", "9999-12-01"):
        yield invalid("createFiscalYear", f"from {day}", {"startsOn": day})
    for day in ("2026-01-01", "2025-07-01", "2021-12-01"):
        changes = {"startsOn": day}
        yield refused("createFiscalYear", f"from {day}", changes, "PERIOD_OVERLAP", "startsOn")
    for day in ("1990-01-01", "2019-01-01", "2150-07-01"):
        yield invalid("createFiscalYear", f"away, from {day}", {"startsOn": day})
    for types in ([], ["YEARLY"], ["QUARTERLY"], ["QUARTERLY", "YEARLY"]):
        yield invalid("createFiscalYear", f"of {types}", {"types": types})
    yield uncoerced("createFiscalYear", "of weeks", {"types": ["WEEKLY"]}, "types")


def _users() -> Iterator[Bad]:
    wrong: dict[str, tuple[Any, ...]] = {
        "email": ("", "a", "a b@c", "x" * 250 + "@b.cd", "a@b\x01"),
        "name": ("", "x" * 201, "a\nb"),
        "roles": ([], ["SUPPORT", "SUPPORT"]),
        "password": ("short", "x" * 201, "a long enough\x01 password"),
    }
    for field, values in wrong.items():
        for value in values:
            yield invalid("saveUser", f"{field} {_short(value)}", {field: value})
    yield uncoerced("saveUser", "a god", {"roles": ["GOD"]}, "roles")
    portal = {"roles": ["CUSTOMER"]}
    yield refused("saveUser", "a portal log-in", portal, "INVALID_STATE", "roles")
    taken = {"email": Named("rep's e-mail")}
    yield refused("saveUser", "an e-mail that is taken", taken, "DUPLICATE_CODE", "email")
    yield refused("saveUser", "nobody", {"id": Named("unknown user")}, "NOT_FOUND", "id")
    yield refused("saveUser", "no team", {"team": Named("unknown team")}, "NOT_FOUND", "team")
    yield invalid("saveUser", "a customer", {"id": Named("customer")})
    oneself = {"id": Named("admin"), "roles": ["ADMIN"], "isActive": False}
    yield refused("saveUser", "suspending oneself", oneself, "INVALID_STATE", "isActive")
    powerless = {"id": Named("admin"), "roles": ["SUPPORT"]}
    yield refused("saveUser", "without one's own rights", powerless, "FORBIDDEN", "roles")


def _runs() -> Iterator[Bad]:
    yield invalid("runReconciliation", "of nobody", {"customers": []})
    many = {"customers": [Named("customer")] * 1_001}
    yield invalid("runReconciliation", "of too many", many)
    for name in ("", "x", Named("rep")):
        changes = {"customers": [Named("customer"), name]}
        yield invalid("runReconciliation", f"of {name!r}", changes, "customers", "1")
    unknown = {"customers": [Named("unknown")]}
    yield refused("runReconciliation", "of the unknown", unknown, "NOT_FOUND", "customers", "0")


def _short(value: Any) -> str:
    return f"{str(value)[:20]!r} ({len(str(value))})"
