"""What an iteration of a host loop does to host and device memory, as far as hoisting a transfer asks."""

from __future__ import annotations

from tree_sitter import Node

from jouleline.core.declarations import Function
from jouleline.core.syntax import ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import HARMLESS, arguments_of, callee, uses
from .scope import Name

QUIET = HARMLESS | frozenset(
    "cudaDeviceSynchronize hipDeviceSynchronize cudaGetLastError hipGetLastError cudaEventRecord "
    "hipEventRecord cudaEventSynchronize hipEventSynchronize cudaEventElapsedTime hipEventElapsedTime "
    "cudaGetErrorString hipGetErrorString dim3 data size sizeof".split()
)
"""Calls that change no memory a transfer reads or writes."""
FREEING = frozenset(("cudaFree", "hipFree"))


def kernel_reads_only(kernel: Function, position: int) -> bool:
    """Whether a kernel cannot write through its parameter at ``position``."""
    if position >= len(kernel.parameters) or kernel.body is None or kernel.node.has_error:
        return False
    parameter = kernel.parameters[position]
    if "*" not in parameter.type:
        return True
    node = parameter.node
    if not node.type.endswith("declaration"):
        declaration = ancestor(node, "parameter_declaration", "optional_parameter_declaration")
        if declaration is None:
            return False
        node = declaration
    base = child(node, "type")
    constant = any(
        item.type == "type_qualifier" and text_of(item) == "const" and base is not None
        for item in node.named_children
    )
    if constant and parameter.type.count("*") == 1:
        casts = list(descendants(kernel.body, "cast_expression", "template_function"))
        return not any(_casts_away(item, parameter.name) for item in casts)
    found = uses(kernel.body, parameter.name)
    return all(use.kind == "read" and use.subscript is not None for use in found)


def _casts_away(cast: Node, name: str) -> bool:
    around = cast if cast.type == "cast_expression" else cast.parent
    return around is not None and any(text_of(item) == name for item in descendants(around, "identifier"))


def is_scratch(name: Name, loop: Node) -> bool:
    """Whether a device pointer serves no purpose outside a loop: nothing can tell if it was filled.

    What comes before the loop does not matter, unless a loop further out comes back to it.
    """
    function = ancestor(loop, "function_definition")
    if function is None or name.where != "local" or name.levels != 1 or name.reference or name.container:
        return False
    nested = ancestor(loop, "for_statement", "while_statement", "do_statement", "for_range_loop") is not None
    jumps = any(True for _ in descendants(function, "goto_statement", "lambda_expression"))
    if jumps or "static" in text_of(name.declaration).split():
        return False
    for use in uses(function, name.text):
        at = use.node.start_byte
        if loop.start_byte <= at < loop.end_byte:
            continue
        call = ancestor(use.node, "call_expression")
        freed = call is not None and callee(call) in FREEING
        allocated = use.kind == "escape" and call is not None and callee(call).endswith("Malloc")
        before = at < loop.start_byte and not nested
        if not (freed or allocated or (before and use.kind != "escape")):
            return False
    return True


def passed_at(call: Node, name: str) -> list[int]:
    """The positions of the arguments in which a variable occurs."""
    return [
        index
        for index, argument in enumerate(arguments_of(call))
        if any(text_of(item) == name for item in descendants(argument, "identifier"))
    ]
