"""Documents: parsed and validated once, kept in a bounded cache, keyed by their text."""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
    validate,
)

from app.planner.catalogue import Catalogue
from app.planner.roots import root_field_names

MAX_TOKENS = 5000
MAX_DOCUMENTS = 1000
MAX_REPORTED_ERRORS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation of a document. `is_planned`: every root field is answered by one statement."""

    name: str | None
    node: OperationDefinitionNode
    is_planned: bool
    root_fields: frozenset[str]

    @property
    def kind(self) -> str:
        """query, mutation or subscription."""
        return self.node.operation.value


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A valid document. `key` is the sha256 of its text."""

    key: bytes
    node: DocumentNode
    operations: dict[str | None, Operation]
    fragments: dict[str, FragmentDefinitionNode]

    def operation(self, name: str | None) -> Operation:
        """The operation of that name, or the only one; a GraphQLError when that is not one."""
        if name is None:
            if len(self.operations) != 1:
                raise GraphQLError("Give `operationName`: this document has several operations.")
            return next(iter(self.operations.values()))
        if name not in self.operations:
            raise GraphQLError("This document has no operation of that name.")
        return self.operations[name]


class InvalidDocument(Exception):
    """A document that does not parse or does not fit the schema."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("invalid document")
        self.errors = errors


class Documents:
    """Every document seen lately. Invalid ones are not kept: they cost their sender, each time."""

    def __init__(self, schema: GraphQLSchema, catalogue: Catalogue) -> None:
        self._schema = schema
        self._catalogue = catalogue
        self._kept: OrderedDict[str, Document] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, text: str) -> Document:
        """The parsed and validated document; InvalidDocument with every reason (up to a bound)."""
        document = self._kept.get(text)
        if document is None:
            document = self._prepare(text)
            self._kept[text] = document
            if len(self._kept) > MAX_DOCUMENTS:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(text)
        return document

    def _prepare(self, text: str) -> Document:
        try:
            node = parse(text, no_location=False, max_tokens=MAX_TOKENS)
        except GraphQLError as error:
            raise InvalidDocument([error]) from None
        errors = validate(self._schema, node, max_errors=MAX_REPORTED_ERRORS, hide_suggestions=True)
        if errors:
            raise InvalidDocument(errors)
        fragments = {
            each.name.value: each
            for each in node.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        operations = {
            each.name.value if each.name else None: self._operation(each, fragments)
            for each in node.definitions
            if isinstance(each, OperationDefinitionNode)
        }
        if not operations:
            raise InvalidDocument([GraphQLError("This document has no operation.")])
        return Document(sha256(text.encode()).digest(), node, operations, fragments)

    def _operation(
        self, node: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]
    ) -> Operation:
        names = root_field_names(node.selection_set, fragments)
        planned = self._catalogue.types.get("Query")
        is_planned = (
            node.operation.value == "query"
            and planned is not None
            and all(name in planned.fields or name == "__typename" for name in names)
        )
        return Operation(
            name=node.name.value if node.name else None,
            node=node,
            is_planned=is_planned,
            root_fields=frozenset(names),
        )
