"""Every refusal the product can express: one tree, stable codes, typed fields.

Services raise these; one place (`app/resolvers/edge.py`) turns them into `userErrors`.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """The codes of the public contract that this version can raise."""

    VALIDATION = "VALIDATION"
    NOT_FOUND = "NOT_FOUND"
    FORBIDDEN = "FORBIDDEN"
    CONFLICT = "CONFLICT"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    PERIOD_CLOSED = "PERIOD_CLOSED"
    PERIOD_LOCKED = "PERIOD_LOCKED"
    PERIOD_MISSING = "PERIOD_MISSING"
    PERIOD_OVERLAP = "PERIOD_OVERLAP"
    CUSTOMER_SUSPENDED = "CUSTOMER_SUSPENDED"
    CUSTOMER_MERGED = "CUSTOMER_MERGED"
    CUSTOMER_DELETED = "CUSTOMER_DELETED"
    CUSTOMER_NOT_EMPTY = "CUSTOMER_NOT_EMPTY"
    AMOUNT_EXCEEDS_OPEN = "AMOUNT_EXCEEDS_OPEN"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    INVALID_STATE = "INVALID_STATE"
    DUPLICATE_CODE = "DUPLICATE_CODE"
    RATE_LIMITED = "RATE_LIMITED"


class DomainError(Exception):
    """A refusal that the caller can act on.

    `path` names the input that is wrong, from the mutation's `input` down (list indexes as text).
    `details` holds JSON-safe facts; money in it is text.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        path: tuple[str, ...] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = path
        self.details = details

    def under(self, *prefix: str) -> "DomainError":
        """The same refusal, seen from an input that encloses this one."""
        self.path = (*prefix, *self.path)
        return self


class Invalid(DomainError):
    """An input that can never be accepted, whatever the state of the data."""

    def __init__(self, message: str, *path: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(ErrorCode.VALIDATION, message, path=path, details=details)


class NotFound(DomainError):
    """No such object, or none that this actor may know of: the two cannot be told apart."""

    def __init__(self, what: str, *path: str) -> None:
        super().__init__(ErrorCode.NOT_FOUND, f"There is no such {what}.", path=path)


class Forbidden(DomainError):
    """The policy does not allow this coordinate to this actor."""

    def __init__(self, coordinate: str, *path: str) -> None:
        super().__init__(
            ErrorCode.FORBIDDEN,
            f"You may not use {coordinate}.",
            path=path,
            details={"coordinate": coordinate},
        )


class StaleVersion(DomainError):
    """The object changed since the caller read it."""

    def __init__(self, what: str, expected: int, actual: int, *path: str) -> None:
        super().__init__(
            ErrorCode.CONFLICT,
            f"This {what} has changed since you read it: read it again and repeat the change.",
            path=path or ("expectedVersion",),
            details={"expectedVersion": expected, "version": actual},
        )


class IdempotencyConflict(DomainError):
    """The key was used for another input or another operation."""

    def __init__(self, key: str) -> None:
        super().__init__(
            ErrorCode.IDEMPOTENCY_CONFLICT,
            "This idempotency key was used before with other input: use a new key.",
            path=("idempotencyKey",),
            details={"idempotencyKey": key},
        )
