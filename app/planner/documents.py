"""Documents: parsed and validated once, kept in a bounded cache, keyed by their text."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionNode,
    parse,
    validate,
)

from app.planner.catalogue import Catalogue
from app.planner.roots import root_field_names

MAX_TOKENS = 5000
MAX_DOCUMENTS = 1000
# Of all texts kept. What was parsed of one takes some 150 times its length.
MAX_KEPT_CHARACTERS = 1_000_000
MAX_REPORTED_ERRORS = 20
# Validation compares fields pair by pair: what is longer is validated off the event loop.
SHORT_TEXT = 2000
# Fields that no statement answers, fragments written out: introspection takes 229. They are
# completed one by one on the event loop, some of them for every type of the schema.
MAX_EXECUTED_FIELDS = 400


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
        self._characters = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, text: str) -> Document:
        """The parsed and validated document; InvalidDocument with every reason (up to a bound)."""
        return self._seen(text) or self._keep(text, self._prepare(text))

    async def get_aside(self, text: str) -> Document:
        """The same; a long text that was not seen lately holds nobody else up."""
        document = self._seen(text)
        if document is not None:
            return document
        if len(text) <= SHORT_TEXT:
            return self._keep(text, self._prepare(text))
        return self._keep(text, await asyncio.to_thread(self._prepare, text))

    def _seen(self, text: str) -> Document | None:
        document = self._kept.get(text)
        if document is not None:
            self._kept.move_to_end(text)
        return document

    def _keep(self, text: str, document: Document) -> Document:
        if text not in self._kept:  # another request may have been faster
            self._kept[text] = document
            self._characters += len(text)
        while len(self._kept) > MAX_DOCUMENTS or self._characters > MAX_KEPT_CHARACTERS:
            oldest, _ = self._kept.popitem(last=False)
            self._characters -= len(oldest)
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
        if node.operation.value == "query" and not is_planned:
            executed = _Executed(fragments, frozenset(planned.fields if planned else ()))
            executed.count(node.selection_set.selections)
        return Operation(
            name=node.name.value if node.name else None,
            node=node,
            is_planned=is_planned,
            root_fields=frozenset(names),
        )


class _Executed:
    """Counts the fields of an operation that no statement answers, fragments written out."""

    def __init__(
        self, fragments: dict[str, FragmentDefinitionNode], planned: frozenset[str]
    ) -> None:
        self._fragments = fragments
        self._planned = planned
        self._found = 0

    def count(self, selections: Iterable[SelectionNode], *, at_root: bool = True) -> None:
        """Raises InvalidDocument as soon as there are too many."""
        for node in selections:
            inside = at_root
            if isinstance(node, FragmentSpreadNode):
                selection_set = self._fragments[node.name.value].selection_set
            else:
                selection_set = node.selection_set  # type: ignore[attr-defined] # fields, fragments
            if isinstance(node, FieldNode):
                if at_root and node.name.value in self._planned:
                    continue
                inside = False
                self._found += 1
                if self._found > MAX_EXECUTED_FIELDS:
                    message = f"At most {MAX_EXECUTED_FIELDS} fields of the viewer or the schema."
                    raise InvalidDocument([GraphQLError(message)])
            if selection_set is not None:
                self.count(selection_set.selections, at_root=inside)
