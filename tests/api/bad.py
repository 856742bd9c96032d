"""One bad request: what is sent, as whom, and exactly how it has to be refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.policies.roles import Role
from tests.api.ground import Ground
from tests.serving import body_of


class Named(str):
    """Stands for the global id that the ground has under this name."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Bad:
    """With `status` 200 the mutation was run and refused in `userErrors`, and that is audited.

    Otherwise nothing was run. `path` is the refusal's; what is found wrong while variables are
    coerced has none, but its message names the place: `at`.
    """

    name: str
    content: Callable[[Ground], bytes]
    code: str
    path: tuple[str, ...] = ()
    at: str = ""
    status: int = 200
    role: Role = Role.ACCOUNTANT
    mutation: str | None = None


LINE = {"description": "Chair", "quantity": "1", "unitPrice": "10"}
_DAY = "2026-03-10"
_MONEY = {
    "customer": Named("customer"),
    "idempotencyKey": "bad",
    "transactionDate": _DAY,
    "amount": "1.00",
}

# Every one of these is accepted as it stands: what is wrong with a case is only what it changes.
BASES: dict[str, tuple[Role, dict[str, Any]]] = {
    "postInvoice": (
        Role.ACCOUNTANT,
        {
            "customer": Named("customer"),
            "idempotencyKey": "bad",
            "transactionDate": _DAY,
            "lineItems": [LINE],
        },
    ),
    "recordPayment": (Role.ACCOUNTANT, {**_MONEY, "method": "CASH"}),
    "issueCreditNote": (Role.ACCOUNTANT, {**_MONEY, "reason": "Scratched"}),
    "allocate": (
        Role.ACCOUNTANT,
        {
            "credit": Named("credit"),
            "idempotencyKey": "bad",
            "allocations": [{"debit": Named("debit"), "amount": "1.00"}],
        },
    ),
    "undoAllocation": (
        Role.ACCOUNTANT,
        {"allocation": Named("allocation"), "idempotencyKey": "bad", "reason": "Wrong"},
    ),
    "createCustomer": (
        Role.ACCOUNTANT,
        {"code": "NEW", "businessName": "New", "currency": "EUR"},
    ),
    "updateCustomer": (Role.ACCOUNTANT, {"id": Named("customer"), "expectedVersion": 1}),
    "assignCustomer": (
        Role.ADMIN,
        {"id": Named("customer"), "expectedVersion": 1, "assignedTo": Named("rep")},
    ),
    "deleteCustomer": (
        Role.ADMIN,
        {"id": Named("empty"), "expectedVersion": 1, "reason": "Closed"},
    ),
    "restoreCustomer": (Role.ADMIN, {"id": Named("DELETED"), "expectedVersion": 1}),
    "saveProduct": (
        Role.CONTROLLER,
        {"sku": "NEW-1", "name": "New", "unitPrice": "1", "currency": "EUR"},
    ),
    "createFiscalYear": (Role.CONTROLLER, {"startsOn": "2025-01-01"}),
    "saveUser": (Role.ADMIN, {"email": "new@example.com", "name": "New", "roles": ["SUPPORT"]}),
    "runReconciliation": (Role.ACCOUNTANT, {"customers": [Named("customer")]}),
}


def document(mutation: str) -> str:
    input_type = f"{mutation[0].upper()}{mutation[1:]}Input"
    return f"""mutation($input: {input_type}!) {{
        {mutation}(input: $input) {{ userErrors {{ code message path details }} }}
    }}"""


def refused(mutation: str, name: str, changes: Mapping[str, Any], code: str, *path: str) -> Bad:
    """Run, and refused by the product's rules."""
    return _mutation(mutation, name, changes, code=code, path=path)


def invalid(mutation: str, name: str, changes: Mapping[str, Any], *path: str) -> Bad:
    """Refused as VALIDATION; the path is that of the only change unless given."""
    return refused(mutation, name, changes, "VALIDATION", *(path or tuple(changes)))


def uncoerced(mutation: str, name: str, changes: Mapping[str, Any], at: str) -> Bad:
    """Never run: a variable is not of its type."""
    return _mutation(mutation, name, changes, code="VALIDATION", status=400, at=at)


def asked(
    name: str,
    text: str,
    variables: Mapping[str, Any] | None = None,
    *path: str,
    code: str = "VALIDATION",
    at: str = "",
    role: Role = Role.ACCOUNTANT,
) -> Bad:
    """A document that is not answered."""
    return Bad(
        name=name,
        content=lambda ground: body_of(text, resolved(variables or {}, ground)),
        code=code,
        path=path,
        at=at,
        status=403 if code == "FORBIDDEN" else 400,
        role=role,
    )


def sent(name: str, content: bytes, *path: str, code: str = "VALIDATION", status: int = 400) -> Bad:
    """A body that is no request."""
    return Bad(name=name, content=lambda _: content, code=code, path=path, status=status)


def _mutation(mutation: str, name: str, changes: Mapping[str, Any], **expected: Any) -> Bad:
    role, base = BASES[mutation]
    return Bad(
        name=f"{mutation}: {name}",
        content=lambda ground: body_of(
            document(mutation), {"input": resolved({**base, **changes}, ground)}
        ),
        role=role,
        mutation=mutation,
        **expected,
    )


def resolved(value: Any, ground: Ground) -> Any:
    """The value with every name replaced by its id."""
    if isinstance(value, Named):
        return ground[value]
    if isinstance(value, Mapping):
        return {name: resolved(inner, ground) for name, inner in value.items()}
    return [resolved(each, ground) for each in value] if isinstance(value, list) else value


def json_of(**parameters: Any) -> bytes:
    return orjson.dumps(parameters)
