"""Customers: their states, and what each state refuses."""

from enum import StrEnum

from app.domain.errors import DomainError, ErrorCode


class CustomerStatus(StrEnum):
    """CustomerStatus of the contract."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    MERGED = "MERGED"
    DELETED = "DELETED"
    ARCHIVED = "ARCHIVED"


class CustomerType(StrEnum):
    """CustomerType of the contract."""

    INDIVIDUAL = "INDIVIDUAL"
    RETAIL = "RETAIL"
    WHOLESALE = "WHOLESALE"
    DISTRIBUTOR = "DISTRIBUTOR"
    BUSINESS = "BUSINESS"


_OUT_OF_USE: dict[CustomerStatus, ErrorCode] = {
    CustomerStatus.DELETED: ErrorCode.CUSTOMER_DELETED,
    CustomerStatus.MERGED: ErrorCode.CUSTOMER_MERGED,
    CustomerStatus.ARCHIVED: ErrorCode.INVALID_STATE,
}


def require_in_use(status: CustomerStatus, *path: str) -> None:
    """Refuses customers whose account takes nothing more. A suspended one still owes and pays."""
    code = _OUT_OF_USE.get(status)
    if code is not None:
        raise DomainError(
            code,
            f"This customer is {status.lower()}.",
            path=path,
            details={"status": str(status)},
        )
