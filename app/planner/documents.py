"""Documents: parsed and validated once, kept in a bounded cache, keyed by their text."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    parse,
    specified_rules,
    validate,
)

from app.infra.turns import Turns
from app.planner.catalogue import Catalogue
from app.planner.executed import Executed
from app.planner.extent import check_extent
from app.planner.merging import Merging
from app.planner.roots import count_root_fields, root_field_names
from app.planner.scanning import MAX_TOKENS, scan

MAX_DOCUMENTS = 1000
# Of all texts kept. What was parsed of one takes some 150 times its length.
MAX_KEPT_CHARACTERS = 1_000_000
MAX_REPORTED_ERRORS = 20
# What has more is prepared off the event loop: preparing takes some 0.05 ms a token, and reading
# long texts and comments its time, too.
FEW_TOKENS = 200
FEW_CHARACTERS = 5000
# Fields are merged by a rule of our own, which does not compare them pair by pair.
RULES = tuple(each for each in specified_rules if each is not OverlappingFieldsCanBeMergedRule)

MAX_MUTATIONS = 20
"""Of one operation. They are carried out one after the other."""

MAX_EXECUTED_VALUES = 6000
"""Of one operation, completed one by one on the event loop."""

MAX_INTROSPECTED_VALUES = 150_000
"""The same for operations that only ask for the schema, whose answers are made in a thread and
kept: a usual introspection query comes to some 75,000."""

INTROSPECTION = frozenset({"__schema", "__type", "__typename"})


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Operation:
    """One operation of a document. `is_planned`: every root field is answered by one statement.
    `is_introspection`: all it asks for is the schema, the same for everybody.
    """

    name: str | None
    node: OperationDefinitionNode
    is_planned: bool
    root_fields: frozenset[str]
    is_introspection: bool = False

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
        return operation_of(self.operations, name)


def operation_of(operations: Mapping[str | None, Operation], name: str | None) -> Operation:
    """The operation of that name, or the only one; a GraphQLError when that is not one."""
    if name is None:
        if len(operations) != 1:
            raise GraphQLError("Give `operationName`: this document has several operations.")
        return next(iter(operations.values()))
    if name not in operations:
        raise GraphQLError("This document has no operation of that name.")
    return operations[name]


class InvalidDocument(Exception):
    """A document that does not parse or does not fit the schema."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("invalid document")
        self.errors = errors


Operations = dict[str | None, Operation]
Admits = Callable[[Operations], None]
"""Raises when the operations of a document, of which nothing but their root fields is known yet,
are not for who sent it: then nothing more is done for them."""


class Documents:
    """Every document seen lately. Invalid ones are not kept: they cost their sender, each time.

    Without `turns`, long ones have threads of their own.
    """

    def __init__(
        self, schema: GraphQLSchema, catalogue: Catalogue, turns: Turns | None = None
    ) -> None:
        self._schema = schema
        self._catalogue = catalogue
        self._executed = Executed(schema, catalogue)
        self._turns = turns or Turns()
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, text: str, admits: Admits | None = None) -> Document:
        """The parsed and validated document; InvalidDocument with every reason (up to a bound)."""
        document = self._seen(text)
        if document is not None:
            if admits is not None:
                admits(document.operations)
            return document
        _scanned(text)
        return self._keep(text, self._prepare(text, admits))

    async def get_aside(self, text: str, who: Hashable) -> Document:
        """The same for a caller; of a text that is long and new only they wait."""
        document = self._seen(text)
        if document is not None:
            return document
        if _scanned(text) <= FEW_TOKENS and len(text) <= FEW_CHARACTERS:
            return self._keep(text, self._prepare(text))
        prepared = await self._turns.take(who, lambda: self._kept.get(text) or self._prepare(text))
        return self._keep(text, prepared)

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

    def _prepare(self, text: str, admits: Admits | None = None) -> Document:
        try:
            node = parse(text, no_location=False, max_tokens=MAX_TOKENS)
            fragments = _fragments(node)
            operations = self._operations(node, fragments)
            if admits is not None:
                admits(operations)
            check_extent(node, fragments)
        except GraphQLError as error:
            raise InvalidDocument([error]) from None
        errors = validate(
            self._schema, node, RULES, max_errors=MAX_REPORTED_ERRORS, hide_suggestions=True
        )
        if errors:
            raise InvalidDocument(errors)
        merging = Merging(self._schema, fragments)
        try:
            for operation in operations.values():
                merging.check(operation.node)
                if not operation.is_planned:
                    self._check_cost(operation, fragments)
        except GraphQLError as error:
            raise InvalidDocument([error]) from None
        return Document(sha256(text.encode()).digest(), node, operations, fragments)

    def _operations(
        self, node: DocumentNode, fragments: dict[str, FragmentDefinitionNode]
    ) -> Operations:
        found: Operations = {}
        for each in node.definitions:
            if isinstance(each, OperationDefinitionNode):
                name = each.name.value if each.name else None
                found[name] = self._operation(each, fragments)
        if not found:
            raise GraphQLError("This document has no operation.")
        return found

    def _operation(
        self, node: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]
    ) -> Operation:
        names = root_field_names(node.selection_set, fragments)
        is_query = node.operation.value == "query"
        return Operation(
            name=node.name.value if node.name else None,
            node=node,
            is_planned=is_query
            and all(
                name == "__typename" or self._executed.is_planned("Query", name) for name in names
            ),
            is_introspection=is_query and names <= INTROSPECTION,
            root_fields=names,
        )

    def _check_cost(
        self, operation: Operation, fragments: dict[str, FragmentDefinitionNode]
    ) -> None:
        """Raises GraphQLError. Of a valid operation only."""
        node = operation.node
        root = self._schema.get_root_type(node.operation)
        assert root is not None
        if operation.kind == "mutation":
            count = count_root_fields(node.selection_set, fragments)
            if count > MAX_MUTATIONS:
                raise GraphQLError(f"An operation has at most {MAX_MUTATIONS} mutations.")
        values = self._executed.values(root.name, node.selection_set, fragments)
        if operation.is_introspection:
            if values > MAX_INTROSPECTED_VALUES:
                raise GraphQLError("This asks for too much of the schema at once.")
        elif values > MAX_EXECUTED_VALUES:
            raise GraphQLError(
                f"An operation has at most {MAX_EXECUTED_VALUES} values of the viewer, the schema"
                " or the results of mutations. Ask for the schema in an operation of its own."
            )


def _scanned(text: str) -> int:
    try:
        return scan(text)
    except GraphQLError as error:
        raise InvalidDocument([error]) from None


def _fragments(node: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """By name. Raises GraphQLError where two have one: which is meant, nobody could say."""
    found: dict[str, FragmentDefinitionNode] = {}
    for each in node.definitions:
        if isinstance(each, FragmentDefinitionNode):
            name = each.name.value
            if name in found:
                message = f"There can be only one fragment named '{name}'."
                raise GraphQLError(message, [found[name].name, each.name])
            found[name] = each
    return found
