"""What supplying an input field tells of: who may not read that must not supply it.

An answer to what was supplied (a refusal, a raised version, nothing at all) says whether it differs
from what is there, so a write would be an oracle.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """The field that an input sets, and the group that guards it.

    `of_all`: it is unique over all rows of a type, so an answer tells of rows that are not seen.
    """

    coordinate: str
    group: str | None = None
    of_all: str | None = None


def _of(
    input_type: str, type_name: str, groups: Mapping[str, str | None], unique: str
) -> dict[str, Told]:
    return {
        f"{input_type}.{name}": Told(
            coordinate=f"{type_name}.{name}",
            group=group,
            of_all=type_name if name == unique else None,
        )
        for name, group in groups.items()
    }


_CUSTOMER: dict[str, str | None] = {
    "businessName": None,
    "contactName": "customer.contact",
    "email": "customer.contact",
    "phone": "customer.contact",
    "billingAddress": "customer.contact",
    "taxId": "customer.tax",
    "customerType": None,
    "paymentTermsDays": None,
    "tags": None,
}
_ONLY_NEW: dict[str, str | None] = {
    "code": None,
    "currency": None,
    "creditLimit": "customer.credit",
    "assignedTo": None,
}
_ONLY_LATER: dict[str, str | None] = {
    "notes": "customer.notes",
    "preferences": "customer.contact",
}
_PRODUCT: dict[str, str | None] = {
    "sku": None,
    "name": None,
    "unitPrice": None,
    "currency": None,
    "taxRate": None,
    "cost": "product.cost",
    "stockOnHand": None,
    "isActive": None,
}
_USER: dict[str, str | None] = {
    "email": "user.contact",
    "name": None,
    "roles": "user.rights",
    "team": "user.rights",
    "isActive": None,
}

TOLD_BY: Mapping[str, Told] = {
    **_of("CreateCustomerInput", "Customer", _CUSTOMER | _ONLY_NEW, "code"),
    **_of("UpdateCustomerInput", "Customer", _CUSTOMER | _ONLY_LATER, ""),
    **_of("AssignCustomerInput", "Customer", {"assignedTo": None}, ""),
    **_of("SaveProductInput", "Product", _PRODUCT, "sku"),
    **_of("SaveUserInput", "User", _USER, "email"),
}
