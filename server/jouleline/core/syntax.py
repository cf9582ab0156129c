"""Parse a source file: masked text, syntax tree, and incremental reparse after an edit."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

import tree_sitter_cpp
from tree_sitter import Language, Node, Parser, Tree

from .change import Change
from .kept import cached_property
from .masking import Masked, mask, remask
from .source import SourceText, difference

_HIP_MARK: Final = re.compile(rb"hip/hip_runtime|hipLaunchKernelGGL|\bhip[A-Z]\w+\s*\(")
_HIP: Final = b"hip"
_LIST: Final = re.compile(r"<[^<>()=]*>")
_COMMENT: Final = re.compile(r"//.*|/\*.*?(?:\*/|$)")
NEGATED: Final = {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "==": "!=", "!=": "=="}
"""The relation that holds where another does not."""
TURNED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
"""The relation that says the same with its sides exchanged, if it is another."""
MAX_SOURCE_BYTES = 4 * 1024 * 1024
"""Larger files are refused: no source written by people is, and a keystroke must stay cheap."""


class UnreadableSourceError(ValueError):
    """A text that is not a source file; the message says what is wrong with it."""


@dataclass(frozen=True)
class ParsedSource:
    """One file, parsed. The tree is of the masked text; offsets hold for both.

    ``change`` is where it differs from the state that it was parsed from.
    """

    text: SourceText
    masked: Masked
    tree: Tree
    change: Change | None = None

    @property
    def root(self) -> Node:
        """The whole file's node."""
        return self.tree.root_node

    @property
    def masked_text(self) -> SourceText:
        """The text that was parsed. Only the head of a loop may stand where a line break was."""
        return SourceText(self.masked.data) if self.masked.loops else self.text

    def code(self, node: Node) -> bytes:
        """The original bytes of a node."""
        return self.text.data[node.start_byte : node.end_byte]

    @cached_property
    def names_hip(self) -> bool:
        """Whether the file names functions of HIP's runtime."""
        return self.says_hip and _HIP_MARK.search(self.text.data) is not None

    @cached_property
    def says_hip(self) -> bool:
        """Whether the three letters occur at all."""
        return _HIP in self.text.data


class Place(NamedTuple):
    """A node by where it stands, which is cheap to move to the next state of a text."""

    source: ParsedSource
    start: int
    end: int
    kind: str

    @staticmethod
    def of(node: Node, source: ParsedSource) -> Place:
        """The place of a node."""
        return Place(source, node.start_byte, node.end_byte, node.type)

    @property
    def node(self) -> Node:
        """The node that stands here, found anew each time."""
        root, here = self.source.root, self[1:]
        node = root.descendant_for_byte_range(self.start, self.end)
        while node is not None and (node.start_byte, node.end_byte, node.type) != here:
            node = node.parent
        return node or root

    def moved(self, source: ParsedSource, by: int) -> Place:
        """The same place in a later state of the text, so many bytes further on."""
        return Place(source, self.start + by, self.end + by, self.kind)


def parse(data: bytes, previous: ParsedSource | None = None) -> ParsedSource:
    """Parse a file, reusing ``previous``'s tree where the text did not change.

    Raises:
        UnreadableSourceError: if the data is binary or larger than MAX_SOURCE_BYTES.
    """
    if len(data) > MAX_SOURCE_BYTES:
        raise UnreadableSourceError(
            f"is {len(data) / 1e6:.1f} MB; sources up to {MAX_SOURCE_BYTES / 1e6:.1f} MB are read"
        )
    if b"\0" in data:
        raise UnreadableSourceError("is a binary file, not C++ source")
    parser = Parser(cpp_language())
    if previous is None:
        masked = mask(data)
        return ParsedSource(SourceText(data), masked, parser.parse(masked.data))
    edit = difference(previous.text.data, data)
    if edit is None:
        return previous
    text = previous.text.edited(edit, data)
    masked, change = remask(previous.masked, data, edit)
    tree, ranges = previous.tree, []
    if change is not None:
        earlier, new_end = tree.copy(), change.start + len(change.replacement)
        before, after = previous.masked_text, SourceText(masked.data) if masked.loops else text
        earlier.edit(
            change.start,
            change.end,
            new_end,
            before.point(change.start),
            before.point(change.end),
            after.point(new_end),
        )
        tree = parser.parse(masked.data, earlier)
        ranges = earlier.changed_ranges(tree)
    states = (previous.text.data, previous.tree), (data, tree)
    source = ParsedSource(text, masked, tree, Change.of(edit, ranges, *states))
    if not previous.says_hip:
        reach = len(_HIP) - 1
        near = data[max(0, edit.start - reach) : edit.start + len(edit.replacement) + reach]
        source.__dict__["says_hip"] = _HIP in near
    return source


@cache
def cpp_language() -> Language:
    """The C++ grammar."""
    return Language(tree_sitter_cpp.language())


# A name would be looked for among all of them at every node.
_FIELDS: Final = {
    cpp_language().field_name_for_id(number): number for number in range(1, cpp_language().field_count + 1)
}


def descendants(node: Node, *types: str) -> Iterator[Node]:
    """All named nodes below and including ``node`` of the given types, in the order of the text.

    A walk takes time in proportion to the tree; a tree-sitter query takes time in proportion to its
    square where brackets nest deeply.
    """
    wanted = symbols(*types)
    waiting: list[Node | None] = [node]
    while waiting:
        current = waiting.pop()
        if current is None:
            continue
        if current.kind_id in wanted:
            yield current
            # One of our own: a node keeps the children that it was asked for, and who has it keeps them all.
            current = current.walk().node
        if current is not None and current.named_child_count:
            waiting += reversed(current.named_children)


@cache
def symbols(*types: str) -> frozenset[int]:
    """The grammar's numbers of types of nodes: to compare them is quicker than to make their names."""
    return frozenset(number for kind in types for number in _numbers().get(kind, ()))


@cache
def _numbers() -> dict[str, list[int]]:
    """The grammar's numbers of each type of nodes."""
    found: dict[str, list[int]] = {}
    language = cpp_language()
    for number in range(language.node_kind_count):
        found.setdefault(language.node_kind_for_id(number) or "", []).append(number)
    return found


def ancestor(node: Node, *types: str) -> Node | None:
    """The nearest node above ``node`` of one of the given types."""
    parent = node.parent
    while parent is not None and parent.type not in types:
        parent = parent.parent
    return parent


def field(node: Node, name: str) -> Node | None:
    """The child in a field of the grammar."""
    return node.child_by_field_id(_FIELDS[name])


def operator_of(node: Node) -> str:
    """The operator of an expression; the empty string where it has none."""
    operator = field(node, "operator")
    return operator.type if operator is not None and not operator.is_missing else ""


def inside(node: Node | None, kinds: Collection[str]) -> Node | None:
    """What stands in parentheses, casts and the like: the first node that is of none of these kinds."""
    while node is not None and node.type in kinds:
        node = field(node, "value") or next(iter(node.named_children), None)
    return node


def operands(node: Node) -> tuple[Node | None, str, Node | None]:
    """The left side, the operator and the right side of a binary expression or an assignment."""
    parts = node.children
    if len(parts) != 3:  # a comment is among them
        return field(node, "left"), operator_of(node), field(node, "right")
    left, operator, right = parts
    return left, "" if operator.is_missing else operator.type, right


def text_of(node: Node | None) -> str:
    """A node's text; the empty string for no node."""
    text = node.text if node is not None else None
    return text.decode("utf-8", "replace") if text is not None else ""


@lru_cache(maxsize=4096)
def bare_name(callee: str) -> str:
    """A function's name without its scopes and template arguments: ``f`` for ``a::B<T>::f<T, 2>``."""
    while (shorter := _LIST.sub("", callee)) != callee:
        callee = shorter
    name = callee.rpartition("::")[2].strip()
    return name if name.startswith("operator") else name.partition("<")[0].strip()


def replacement(definition: Node | None) -> str:
    """What an object-like macro stands for, by its definition; the empty string for none."""
    return without_comments(text_of(field(definition, "value"))) if definition is not None else ""


def without_comments(line: str) -> str:
    """A logical line's text without the comments in it."""
    return _COMMENT.sub("", line).strip()


EMPTY: Final = parse(b"")
"""A file in which nothing stands."""
