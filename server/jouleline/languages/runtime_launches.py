"""Launches by functions of the runtime: ``cudaLaunchKernel(kernel, grid, block, arguments, ...)``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tree_sitter import Node

from jouleline.core.evaluate import split_arguments
from jouleline.core.kernel import Launch
from jouleline.core.syntax import ParsedSource, Place, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

RUNTIME_LAUNCH: Final = re.compile(rb"\b(?:cuda|hip)Launch(?:Cooperative)?Kernel(?:Ex)?\b")
CALLEE: Final = re.compile(r"([A-Za-z_]\w*)\s*(<[^;{}]*>)?\s*$", re.DOTALL)
"""A kernel's name and its template arguments, at the end of what is launched."""
_CAST: Final = re.compile(r"(?:\(\s*(?:const\s+)?void\s*\*+\s*\)|\w+_cast\s*<[^>]*>)\s*")


def calls_of(source: ParsedSource, names: re.Pattern[bytes], within: range) -> Iterator[tuple[Node, Node]]:
    """The calls of what has one of the names, with their arguments."""
    if source.masked.data.find(b"Launch", within.start, within.stop) < 0:
        return  # all of them have it in their name
    for mark in names.finditer(source.masked.data, within.start, within.stop):
        name = source.root.descendant_for_byte_range(mark.start(), mark.end())
        call = name.parent if name is not None else None
        arguments = child(call, "arguments") if call is not None else None
        if call is None or arguments is None or call.start_byte != mark.start():
            continue
        if text_of(child(call, "function")) == mark[0].decode():
            yield call, arguments


def _pointee(text: str) -> str:
    """What ``(void *)&n`` is the address of; ``k<int>`` of ``(const void *)k<int>``."""
    cast = _CAST.match(text)
    text = text[cast.end() :] if cast is not None else text
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return text.removeprefix("&").strip()


def runtime_launch(source: ParsedSource, call: Node, arguments: Node) -> Launch:
    """The launch that such a call is."""
    parts = split_arguments(source.code(arguments).decode("utf-8", "replace")[1:-1])
    if text_of(child(call, "function")).endswith("Ex"):
        settings = _pointee(parts[0]) if parts else ""
        kernel, given = "".join(parts[1:2]), parts[2:]
        parts = [kernel, f"{settings}.gridDim", f"{settings}.blockDim"]
    else:
        given = _listed(call, _pointee("".join(parts[3:4])).removesuffix("[0]"))
    return launch_of_call(source, call, _pointee(parts[0]) if parts else "", parts, map(_pointee, given))


def launch_of_call(
    source: ParsedSource,
    call: Node,
    kernel: str,
    parts: Sequence[str],
    arguments: Iterable[str],
    *,
    otherwise: str = "",
) -> Launch:
    """The launch that a call is whose ``parts`` after the first are grid and block.

    ``kernel`` is what is launched, as it is written; ``otherwise`` is its name where that tells none.
    """
    callee = CALLEE.search(kernel)
    return Launch(
        kernel=callee[1] if callee else otherwise,
        line=source.text.point(call.start_byte).line + 1,
        start=call.start_byte,
        end=call.end_byte,
        anchor=call.end_byte,
        grid=parts[1] if len(parts) > 1 else "",
        block=parts[2] if len(parts) > 2 else "",
        arguments=tuple(arguments),
        template_arguments=tuple(split_arguments((callee[2] or "<>")[1:-1])) if callee else (),
        where=Place.of(call, source),
    )


def _listed(call: Node, name: str) -> list[str]:
    """The elements of the array of a name that was last declared in front of a call."""
    function = ancestor(call, "function_definition") if name else None
    listed: list[str] = []
    for node in descendants(function, "init_declarator") if function is not None else ():
        if node.start_byte >= call.start_byte:
            break
        value = child(node, "value")
        if value is not None and re.search(rf"\b{re.escape(name)}\b", text_of(child(node, "declarator"))):
            listed = [text_of(one) for one in value.named_children if one.type != "comment"]
    return listed
