"""What an import says no to: a mapping, a whole file, or one row of it."""

from dataclasses import dataclass

from app.domain.errors import DomainError, ErrorCode


class ImportRefused(Exception):
    """Nothing can be imported this way. The message is for the person at the keyboard."""


class MappingError(ImportRefused):
    """The mapping file is wrong; `key` names where, as in `settlement.method`."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}" if key else message)
        self.key = key


class UnusableFile(ImportRefused):
    """The file cannot be read with this mapping."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A row that stays out, and why. `line` is where it begins; `column` is empty for all of it."""

    line: int
    column: str
    code: ErrorCode
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AlreadyThere:
    """A row of which nothing is left to post: the books say the same. Fields as of a refusal."""

    line: int
    column: str = ""
    code: str = "ALREADY_THERE"
    reason: str


class RowRefused(Exception):
    """Raised while a row is read: its line is known to the one who reads."""

    def __init__(self, column: str, reason: str, code: ErrorCode = ErrorCode.VALIDATION) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason
        self.code = code

    @classmethod
    def of(cls, error: DomainError, column: str) -> "RowRefused":
        """A refusal of the rules, seen from the column that it comes from."""
        return cls(column, error.message, error.code)

    def at(self, line: int) -> Refusal:
        """The refusal of the row that begins at this line."""
        return Refusal(line=line, column=self.column, code=self.code, reason=self.reason)
