"""Reads that are refused as a whole, with a code and the argument at fault."""

from app.domain.errors import DomainError, Forbidden, Invalid


def refused(message: str, *path: str) -> DomainError:
    """An argument that can never be accepted."""
    return Invalid(message, *path)


def forbidden(coordinate: str, *path: str) -> DomainError:
    """A root field, filter or order over what the viewer may not read whole."""
    return Forbidden(coordinate, *path)
