"""What a lambda does to the variables around it."""

from __future__ import annotations

from typing import Final

from .declarations import Function, declarations
from .evaluate import split_arguments
from .syntax import descendants, text_of
from .syntax import field as child

_DECLARING: Final = (
    "declaration",
    "for_range_loop",
    "parameter_declaration",
    "optional_parameter_declaration",
)


def changed_around(closure: Function) -> frozenset[str]:
    """The names around a lambda that it assigns to or steps: not what is declared in it, nor what it copies.

    A name that is declared anywhere in it is taken to be its own everywhere.
    """
    changed = closure.changes.names
    if not changed:
        return changed
    captured = split_arguments(text_of(child(closure.node, "captures"))[1:-1])
    named = {one.lstrip("& ").partition("=")[0].strip() for one in captured if one.startswith("&")}
    if "&" in captured:
        changed -= {one.partition("=")[0].strip() for one in captured}
    else:
        changed &= named
    own = (
        declared.name
        for node in descendants(closure.node, *_DECLARING)
        for declared in declarations(node, closure.source, inside=True)
    )
    return changed.difference(own)
