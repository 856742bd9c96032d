"""The contract's enums. Their names are the texts that the tables keep."""

from enum import Enum

import strawberry

from app.domain.customer import CustomerStatus, CustomerType
from app.domain.errors import ErrorCode
from app.domain.ledger import EntryType, GeneralLedgerAccount, PaymentMethod, ReferenceType
from app.domain.periods import PeriodStatus, PeriodType
from app.policies.roles import Role
from app.policies.rules import Effect
from app.policies.scopes import Scope

strawberry.enum(CustomerType, name="CustomerType")
strawberry.enum(CustomerStatus, name="CustomerStatus")
strawberry.enum(PeriodType, name="PeriodType")
strawberry.enum(PeriodStatus, name="PeriodStatus")
strawberry.enum(Role, name="Role")
strawberry.enum(Scope, name="Scope")
strawberry.enum(Effect, name="Effect")
strawberry.enum(ErrorCode, name="ErrorCode")
strawberry.enum(EntryType, name="LedgerEntryType")
strawberry.enum(GeneralLedgerAccount, name="GeneralLedgerAccount")
strawberry.enum(PaymentMethod, name="PaymentMethod")
strawberry.enum(ReferenceType, name="ReferenceType")


@strawberry.enum
class LedgerEntryStatus(Enum):
    """What has become of an entry."""

    DRAFT = "DRAFT"
    POSTED = "POSTED"
    PARTIALLY_REVERSED = "PARTIALLY_REVERSED"
    REVERSED = "REVERSED"


@strawberry.enum
class SettlementStatus(Enum):
    """How much of an entry is used up by allocations."""

    OPEN = "OPEN"
    PARTIALLY_SETTLED = "PARTIALLY_SETTLED"
    SETTLED = "SETTLED"


@strawberry.enum
class RunStatus(Enum):
    """Where a background run stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@strawberry.enum
class DriftStatus(Enum):
    """What has been done about a drift finding."""

    OPEN = "OPEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    CORRECTED = "CORRECTED"


@strawberry.enum
class Direction(Enum):
    """The direction of an order."""

    ASC = "ASC"
    DESC = "DESC"


__all__ = [
    "CustomerStatus",
    "CustomerType",
    "Direction",
    "DriftStatus",
    "LedgerEntryStatus",
    "PeriodStatus",
    "PeriodType",
    "RunStatus",
    "SettlementStatus",
]
