"""Where a file differs from an earlier state of it, and what stands there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node, Range, Tree, TreeCursor

from .silence import is_silent
from .source import Edit

_LISTS: Final = frozenset(
    "compound_statement declaration_list preproc_if preproc_ifdef preproc_else preproc_elif".split()
)
_NESTED: Final = _LISTS | frozenset(
    "function_definition template_declaration namespace_definition linkage_specification".split()
)


@dataclass(frozen=True, slots=True)
class Change:
    """A stretch of whole declarations or statements of one list, with an edit in it.

    What ends before ``start`` is as it was; what begins behind ``end`` is so, too, but stands ``by`` bytes
    further on. What is around all of it has its end moved. A ``silent`` edit leaves all words of a function
    as they are, and in their lines.
    """

    start: int
    end: int
    by: int
    edit: Edit
    silent: bool

    @staticmethod
    def of(
        edit: Edit, ranges: Sequence[Range], before: tuple[bytes, Tree], after: tuple[bytes, Tree]
    ) -> Change:
        """What an edit changed of a text and its tree; ``ranges`` have another structure in the new one."""
        (_, old), (data, new) = before, after
        by, last = len(edit.replacement) - (edit.end - edit.start), edit.start + len(edit.replacement)
        start = min([edit.start, *(stretch.start_byte for stretch in ranges)])
        end = max([last, *(stretch.end_byte for stretch in ranges)])
        silent = (start, end) == (edit.start, last) and is_silent(edit, before, after)
        around = _innermost(old.root_node, new.root_node, range(start, end), by)
        first, last = (around.start_byte, around.end_byte) if around is not None else (0, len(data))
        around = around or new.root_node
        # What is in front of the next, attributes for instance, may have changed.
        first, last = _end_before(around.walk(), start, first), _start_behind(around.walk(), end, last)
        return Change(first, last, by, edit, silent)

    def widened(self, start: int, end: int) -> Change:
        """The change with a stretch of the earlier text in it."""
        return Change(min(self.start, start), max(self.end, end + self.by), self.by, self.edit, self.silent)


def _innermost(old: Node, new: Node, changed: range, by: int) -> Node | None:
    """The innermost list that a change is inside of, then and now; None for the whole file."""
    found, before, after = None, old.walk(), new.walk()
    while all(cursor.goto_first_child_for_byte(changed.start) is not None for cursor in (before, after)):
        then, now = before.node, after.node
        if then is None or now is None or now.type not in _NESTED:
            break
        same = (then.type, then.start_byte, then.end_byte + by) == (now.type, now.start_byte, now.end_byte)
        if not same or not now.start_byte < changed.start <= changed.stop < now.end_byte:
            break
        if now.type in _LISTS:
            found = now
    return found


def _end_before(cursor: TreeCursor, offset: int, start: int) -> int:
    """Where that ends which is last in front of an offset in a list, leaves aside; else the list's start."""
    inside = cursor.goto_first_child_for_byte(offset) is not None
    found = cursor.goto_previous_sibling() if inside else cursor.goto_last_child()
    while found and (node := cursor.node) is not None:
        if node.child_count and node.end_byte <= offset:
            return node.end_byte
        found = cursor.goto_previous_sibling()
    return start


def _start_behind(cursor: TreeCursor, offset: int, end: int) -> int:
    """Where that starts which is first behind an offset in a list, leaves aside; else the list's end."""
    found = cursor.goto_first_child_for_byte(offset) is not None
    while found and (node := cursor.node) is not None:
        if node.child_count and node.start_byte >= offset:
            return node.start_byte
        found = cursor.goto_next_sibling()
    return end
