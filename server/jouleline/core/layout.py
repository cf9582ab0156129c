"""A source's text without its layout: two that differ in comments and white space alone are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tree_sitter import Node

from .syntax import ParsedSource, UnreadableSourceError, parse

_APART = b"\x1f"


def without_layout(data: bytes) -> bytes:
    """The words of a source, one after the other; a text that is no source stays as it is."""
    try:
        parsed = parse(data)
    except UnreadableSourceError:
        return data
    return _APART.join(_words(parsed))


def _words(source: ParsedSource) -> Iterator[bytes]:
    data = source.text.data
    end = 0
    for leaf in _leaves(source.root):
        # What the grammar skipped counts all the more: it did not understand it.
        yield from data[end : leaf.start_byte].split()
        end = max(end, leaf.end_byte)
        if leaf.type == "comment":
            continue
        yield data[leaf.start_byte : leaf.end_byte].strip(b" \t\r")
    yield from data[end:].split()


def _leaves(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.child_count and node.type != "comment":
            waiting += reversed(node.children)
        else:
            yield node


def real_changes(files: Mapping[str, bytes], baseline: Mapping[str, bytes]) -> dict[str, bytes]:
    """The words of the files that differ from the baseline's in more than their layout."""
    changed = {}
    for name, data in files.items():
        words = without_layout(data)
        if name not in baseline or words != without_layout(baseline[name]):
            changed[name] = words
    return changed
