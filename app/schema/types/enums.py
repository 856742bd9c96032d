"""The contract's enums. Their names are the texts that the tables keep."""

from enum import Enum

import strawberry

from app.domain.errors import ErrorCode
from app.domain.ledger import EntryType, GeneralLedgerAccount, PaymentMethod, ReferenceType
from app.policies.roles import Role
from app.policies.rules import Effect
from app.policies.scopes import Scope

strawberry.enum(Role, name="Role")
strawberry.enum(Scope, name="Scope")
strawberry.enum(Effect, name="Effect")
strawberry.enum(ErrorCode, name="ErrorCode")
strawberry.enum(EntryType, name="LedgerEntryType")
strawberry.enum(GeneralLedgerAccount, name="GeneralLedgerAccount")
strawberry.enum(PaymentMethod, name="PaymentMethod")
strawberry.enum(ReferenceType, name="ReferenceType")


@strawberry.enum
class CustomerType(Enum):
    """What kind of customer this is."""

    INDIVIDUAL = "INDIVIDUAL"
    RETAIL = "RETAIL"
    WHOLESALE = "WHOLESALE"
    DISTRIBUTOR = "DISTRIBUTOR"
    BUSINESS = "BUSINESS"


@strawberry.enum
class CustomerStatus(Enum):
    """Where a customer stands in its life."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    MERGED = "MERGED"
    DELETED = "DELETED"
    ARCHIVED = "ARCHIVED"


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
class PeriodType(Enum):
    """A year holds its quarters holds its months."""

    MONTHLY = "MONTHLY"
    QUARTERLY = "QUARTERLY"
    YEARLY = "YEARLY"


@strawberry.enum
class PeriodStatus(Enum):
    """Whether a period can still be posted to."""

    OPEN = "OPEN"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"
    LOCKED = "LOCKED"


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
