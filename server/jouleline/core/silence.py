"""Edits that say nothing: blanks where there are some, and what is written in a comment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tree_sitter import Node, Tree

from .source import Edit

_BLANKS: Final = b" \t"
# Where one of these stands, a word ends without a blank.
_BESIDE: Final = b" \t\r\n;{}"
# What stands in them may be told as it is written, or looked for in their text.
_TOLD: Final = frozenset(
    "field_expression qualified_identifier template_function template_type sizeof_expression"
    " string_literal raw_string_literal char_literal preproc_call attribute_declaration preproc_def"
    " preproc_function_def".split()
)
_TOLD_WITH_COMMENTS: Final = frozenset("expression_statement declaration return_statement".split())


def is_silent(edit: Edit, before: tuple[bytes, Tree], after: tuple[bytes, Tree]) -> bool:
    """Whether an edit in a function's body leaves all its words as they are, and in their lines.

    The structure of the trees must be the same.
    """
    (old, old_tree), (new, new_tree) = before, after
    start, end = edit.start - 1, edit.start + len(edit.replacement)
    typed = old[edit.start : edit.end] + edit.replacement
    if start < 0 or b"\n" in typed or b"\r" in typed:
        return False
    then = old_tree.root_node.descendant_for_byte_range(start, edit.end)
    now = new_tree.root_node.descendant_for_byte_range(start, end)
    if then is None or now is None:
        return False
    told = _TOLD
    if now.type == "comment":
        told = _TOLD | _TOLD_WITH_COMMENTS
        extents = [(node.start_byte, len(text) - node.end_byte) for node, text in ((then, old), (now, new))]
        if then.type != now.type or extents[0] != extents[1]:
            return False
    elif typed.strip(_BLANKS) or new[start] == ord("\\") or not _is_beside(new[start : end + 1]):
        return False
    around = {node.type for node in _upwards(now)}
    return "compound_statement" in around and told.isdisjoint(around)


def _is_beside(around: bytes) -> bool:
    """Whether the first or the last byte of a stretch parts words."""
    return around[0] in _BESIDE or around[-1] in _BESIDE


def _upwards(node: Node | None) -> Iterator[Node]:
    while node is not None:
        yield node
        node = node.parent
