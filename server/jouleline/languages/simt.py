"""CUDA and HIP: one model of threads in blocks in a grid, two spellings."""

from __future__ import annotations

import re
import string
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from tree_sitter import Node

from jouleline.core.blanked import Blanked
from jouleline.core.counting import BodyCounter
from jouleline.core.ctype import FLOAT, INT, UNKNOWN, CType, Scalar
from jouleline.core.declarations import FARTHEST_ATTRIBUTE, Declared, Function, function_of
from jouleline.core.estimate import Setting
from jouleline.core.evaluate import split_arguments
from jouleline.core.hostscope import HostScope
from jouleline.core.inductions import Changes
from jouleline.core.kernel import Kernel, Language, Launch
from jouleline.core.launch import resolve_shape
from jouleline.core.polynomial import Polynomial
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource, Place, descendants, parse, text_of
from jouleline.core.syntax import field as child
from jouleline.core.values import Array, Tally, Value, placed

from .runtime_launches import CALLEE, RUNTIME_LAUNCH, calls_of, launch_of_call, runtime_launch

_GLOBAL = b"__global__"
_RECOVERED_NAME = re.compile(rb"(?:void|[\w:]+)\s+([A-Za-z_]\w*)\s*\(")
_WRAPPED = re.compile(r"^(?:HIP_KERNEL_NAME)?\s*\((.*)\)$", re.DOTALL)
# Each costs a parse; a file with more of them is broken, not half typed. Declarations count, too.
_MOST_RECOVERED = 200
_AXES = ("x", "y", "z")
_PARALLEL = tuple(f"{index}.{axis}" for index in ("threadIdx", "blockIdx") for axis in _AXES)
_HOLDS_NO_FUNCTION = frozenset(
    "function_declarator template_parameter_list primitive_type type_identifier comment preproc_def "
    "preproc_function_def preproc_include preproc_call".split()
)
_WORD_CHARACTERS = string.ascii_letters + string.digits + "_"
_BLANKS = re.compile(rb"\s*")
_BRACKET = re.compile(rb"[()]")
# A directive says whether what follows it is compiled: what is left out of a launch is little.
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/|^[ \t]*#[^\n]*', re.DOTALL | re.MULTILINE)
"""A comment; or a string, which may look as if it held one."""
_MACRO_LAUNCH = re.compile(rb"\bhipLaunchKernelGGL\b")
_LONGEST_ARGUMENTS = 4000


@dataclass(frozen=True)
class Simt:
    """A language with ``__global__`` functions."""

    language: Language
    suffixes: Mapping[str, str]

    def kernels(self, source: ParsedSource, within: range | None = None) -> list[Kernel]:
        """The ``__global__`` functions that are defined in a file.

        One that is half typed may reach into a stretch from in front of it.
        """
        if not self.spoken_in(source):
            return []
        blanked, first, last = source.masked.blanked, 0, len(source.masked.blanked)
        if within is not None:
            first = source.masked.starts.before(within.start)
            last = source.masked.starts.before(within.stop)
            while first and blanked[first - 1].text != _GLOBAL:
                first -= 1
            first = max(0, first - 1)
        marks = [item for item in blanked[first:last] if item.text == _GLOBAL]
        if not marks:
            return []
        found: list[Kernel] = []
        covered: set[int] = set()
        starts = [mark.start for mark in marks]
        for node in _definitions_near(source.root, starts):
            function = function_of(node, source)
            if function is None or not function.is_kernel:
                continue
            kernel = self._kernel(function, source)
            kernel.__dict__["function"] = function
            covered.update(range(bisect_left(starts, kernel.start), bisect_left(starts, kernel.end)))
            found.append(kernel)
        lost = [mark for index, mark in enumerate(marks) if index not in covered]
        recovered = (self._recover(source, mark) for mark in lost[:_MOST_RECOVERED])
        found += [kernel for kernel in recovered if kernel is not None]
        return sorted(found, key=lambda kernel: kernel.start)

    def spoken_in(self, source: ParsedSource) -> bool:
        """Whether a file names functions of this language's runtime, and not of the other's."""
        return source.names_hip == (self.language is Language.HIP)

    def _kernel(self, function: Function, source: ParsedSource) -> Kernel:
        node = function.node
        template = node.parent if node.parent and node.parent.type == "template_declaration" else node
        declarator = child(node, "declarator") or node
        name = child(declarator, "declarator") or declarator
        marks = [
            mark.start
            for mark in source.masked.within(template.start_byte - 200, name.start_byte)
            if mark.text == b"__global__"
        ]
        start = min(template.start_byte, marks[-1]) if marks else template.start_byte
        return Kernel(
            name=function.name,
            language=self.language,
            start=start,
            end=node.end_byte,
            anchor=declarator.end_byte,
            line=source.text.point(start).line + 1,
            end_line=source.text.point(node.end_byte).line + 1,
            place=Place.of(node, source),
            source=source,
        )

    def _recover(self, source: ParsedSource, mark: Blanked) -> Kernel | None:
        """A kernel whose definition is half typed: close its brackets and parse it again."""
        data = source.text.data
        following = data.find(b"__global__", mark.end)
        end = following if following >= 0 else len(data)
        text = data[mark.start : end]
        name = _RECOVERED_NAME.search(text)
        opening = text.find(b"{")
        if name is None or b";" in text[: opening if opening >= 0 else len(text)]:
            return None  # a declaration, or no kernel yet
        blank = re.sub(rb"[^\n]", b" ", data[: mark.start])
        closing = b")" * max(0, text.count(b"(") - text.count(b")"))
        closing += b"}" * max(0, text.count(b"{") - text.count(b"}"))
        repaired = parse(blank + text + (b";" + closing if opening >= 0 else b""))
        for node in descendants(repaired.root, "function_definition"):
            function = function_of(node, repaired)
            if function is not None and function.is_kernel:
                kernel = self._kernel(function, repaired)
                return replace(kernel, end=min(kernel.end, end), end_line=source.text.point(end).line + 1)
        start = mark.start + name.start(1)
        line = source.text.point(mark.start).line + 1
        label = name[1].decode("utf-8", "replace")
        return Kernel(
            label,
            self.language,
            mark.start,
            end,
            start + len(name[1]),
            line,
            source.text.point(end).line + 1,
            None,
            source,
        )

    def launches(self, source: ParsedSource, within: range | None = None) -> list[Launch]:
        """The launches in a file: ``<<<...>>>``, ``hipLaunchKernelGGL`` and functions of the runtime."""
        if not self.spoken_in(source):
            return []
        within = range(len(source.text.data)) if within is None else within
        found = [
            launch
            for item in source.masked.within(within.start, within.stop)
            if item.kind == "launch" and (launch := _chevron_launch(source, item))
        ]
        if self.language is Language.HIP:
            calls = calls_of(source, _MACRO_LAUNCH, within)
            found += [_macro_launch(source, call, arguments) for call, arguments in calls]
        calls = calls_of(source, RUNTIME_LAUNCH, within)
        found += [runtime_launch(source, call, arguments) for call, arguments in calls]
        return sorted(found, key=lambda launch: launch.start)

    def enter(self, kernel: Kernel, launch: Launch | None, program: ProgramFacts, host: HostScope) -> Setting:
        """Bind the parameters to the launch's arguments and the indices to their ranges."""
        resolved = resolve_shape(launch, host)
        shape, tally = resolved.shape, Tally(assumptions={**resolved.assumptions}, sizes={**resolved.sizes})
        function = kernel.function and program.statement_macros.function(kernel.function)
        types, values = _bindings(function, launch, program, host, tally) if function else ({}, {})
        names: dict[str, Value] = {}
        builtins = _builtins(shape.grid, shape.block)
        counter = BodyCounter(
            program,
            function.source if function is not None else kernel.source,
            names,
            types,
            tally,
            function.changes if function is not None else Changes(),
            builtins,
        )
        counter.fixed.update({name: value.value for name, value in values.items() if value.value})
        for index, parameter in enumerate(function.parameters if function else ()):
            kind = counter.type_of(parameter.type) or UNKNOWN
            names.update(_argument(parameter, kind, index, launch, host))
        names.update(builtins)
        names.update(values)
        tally.ranges.update(_ranges(shape.grid, shape.block))
        tally.parallel += _PARALLEL
        body = function.body if function is not None else None
        return Setting(counter, body or kernel.node, shape, shape.threads, kernel.line)


@lru_cache(maxsize=256)
def _builtins(grid: tuple[int, int, int], block: tuple[int, int, int]) -> Mapping[str, Value]:
    """The variables of the language that tell a thread where it is."""
    found: dict[str, Value] = {}
    for axis, blocks, threads in zip(_AXES, grid, block, strict=True):
        for spelling, value in (
            ("threadIdx", _index(f"threadIdx.{axis}", threads)),
            ("blockIdx", _index(f"blockIdx.{axis}", blocks)),
            ("blockDim", Polynomial.constant(threads)),
            ("gridDim", Polynomial.constant(blocks)),
        ):
            found[f"{spelling}.{axis}"] = Value(INT, value)
            found[f"hip{spelling[0].upper()}{spelling[1:]}_{axis}"] = Value(INT, value)
    found["warpSize"] = Value(INT, Polynomial.constant(32))
    return MappingProxyType(found)


@lru_cache(maxsize=256)
def _ranges(grid: tuple[int, int, int], block: tuple[int, int, int]) -> Mapping[str, Polynomial]:
    """How many values each of the indices takes that tell threads apart."""
    found: dict[str, Polynomial] = {}
    for axis, blocks, threads in zip(_AXES, grid, block, strict=True):
        found[f"threadIdx.{axis}"] = Polynomial.constant(threads)
        found[f"blockIdx.{axis}"] = Polynomial.constant(blocks)
    return MappingProxyType(found)


def _index(name: str, extent: int) -> Polynomial:
    return Polynomial.symbol(name) if extent > 1 else Polynomial.constant(0)


def _argument(
    parameter: Declared, kind: CType, index: int, launch: Launch | None, host: HostScope
) -> dict[str, Value]:
    """What a parameter is worth by its argument; an object's members are named ``p.n``."""
    name = parameter.name
    reached = launch.visit.arguments if launch is not None and launch.visit is not None else ()
    given = reached[index] if index < len(reached) else None
    lost = launch is not None and launch.visit is not None and 0 in launch.visit.grid
    if kind.is_pointer:
        # Names that only the kernel knows are no extents in C++, and its nodes may be of a later state.
        extents = tuple(
            None if item is None else host.evaluate_text(text_of(item), None) for item in parameter.extents
        )
        return {name: Value(kind, None, placed(Array(name, "global", extents=extents), given))}
    if isinstance(given, Mapping):
        known = {member: value for member, value in given.items() if isinstance(value, int | float)}
        members = {name + member: Value(INT, Polynomial.constant(value)) for member, value in known.items()}
        return {name: Value(kind), **members}
    if kind.scalar is not Scalar.INT:
        return {name: Value(kind)}
    value: Polynomial | None = None
    if lost and not given:
        value = None  # the grid came out as 0: the size that it depends on was not followed
    elif isinstance(given, int | float):
        value = Polynomial.constant(given)
    elif launch is not None and index < len(launch.arguments):
        value = host.evaluate_text(launch.arguments[index], launch.place)
    return {name: Value(kind, Polynomial.symbol(name) if value is None else value)}


def _bindings(
    function: Function, launch: Launch | None, program: ProgramFacts, host: HostScope, tally: Tally
) -> tuple[dict[str, CType], dict[str, Value]]:
    """Template parameters that are types and those that are values, as given at the launch."""
    given = launch.template_arguments if launch else ()
    types: dict[str, CType] = {}
    values: dict[str, Value] = {}
    for index, name in enumerate(function.template_parameters):
        text = given[index] if index < len(given) else ""
        if name in function.value_parameters:
            value = host.evaluate_text(text, launch.place) if launch and text else None
            values[name] = Value(INT, Polynomial.symbol(name) if value is None else value)
            continue
        resolved = program.type_of(text) if text else None
        if resolved is None or (resolved.scalar is Scalar.OTHER and not resolved.struct):
            tally.assume(f"{name} = float: not given at the launch")
            resolved = FLOAT
        types[name] = resolved
    return types, values


def _definitions_near(root: Node, marks: Sequence[int]) -> list[Node]:
    """The function definitions that one of the offsets can belong to, in the order of the text.

    The walk leaves out what has none in it or in front of it: a keystroke must not walk a whole file.
    """
    found = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        before, kind = FARTHEST_ATTRIBUTE, node.type
        if kind in _HOLDS_NO_FUNCTION:
            continue
        if kind == "compound_statement":
            before = 0  # what stands in front of its brace belongs to nothing in it
        near = bisect_left(marks, node.start_byte - before)
        if near == len(marks) or marks[near] >= node.end_byte:
            continue
        if kind == "function_definition":
            found.append(node)
        waiting += reversed(list(_children_between(node, marks[near], marks[-1] + FARTHEST_ATTRIBUTE)))
    return found


def _children_between(node: Node, first: int, last: int) -> Iterator[Node]:
    """The named children of a node from one offset to another."""
    cursor = node.walk()
    found = cursor.goto_first_child_for_byte(first) is not None
    while found and (inner := cursor.node) is not None and inner.start_byte <= last:
        if inner.is_named:
            yield inner
        found = cursor.goto_next_sibling()


def _chevron_launch(source: ParsedSource, item: Blanked) -> Launch | None:
    data = source.text.data
    before = data[max(0, item.start - 300) : item.start].decode("utf-8", "replace")
    written = before.rstrip()
    # Without template arguments it is the last word: to try each earlier one takes long.
    last = 0 if written.endswith(">") or not written.isascii() else len(written.rstrip(_WORD_CHARACTERS))
    callee = CALLEE.search(before, last)
    if callee is None:
        return None
    blanks = _BLANKS.match(data, item.end)
    opening = blanks.end() if blanks else item.end
    arguments: list[str] = []
    end = opening
    if data[opening : opening + 1] == b"(":
        content, end = _parenthesised(data, opening)
        arguments = split_arguments(_COMMENT.sub(r"\1", content))
    parts = split_arguments(_COMMENT.sub(r"\1", item.text.decode("utf-8", "replace")))
    return Launch(
        kernel=callee[1],
        line=source.text.point(item.start).line + 1,
        start=item.start,
        end=end,
        anchor=item.end,
        grid=parts[0] if parts else "",
        block=parts[1] if len(parts) > 1 else "",
        arguments=tuple(arguments),
        template_arguments=tuple(split_arguments((callee[2] or "<>")[1:-1])),
        where=Place.of(source.root.descendant_for_byte_range(item.start, item.start) or source.root, source),
    )


def _macro_launch(source: ParsedSource, call: Node, arguments: Node) -> Launch:
    parts = split_arguments(source.code(arguments).decode("utf-8", "replace")[1:-1])
    name = parts[0] if parts else ""
    while wrapped := _WRAPPED.match(name):
        name = wrapped[1].strip()
    return launch_of_call(source, call, name, parts, parts[5:], otherwise=name)


def _parenthesised(data: bytes, opening: int) -> tuple[str, int]:
    """What is in parentheses, and where they close; nothing if they do not."""
    depth = 0
    for bracket in _BRACKET.finditer(data, opening, opening + _LONGEST_ARGUMENTS):
        depth += 1 if bracket[0] == b"(" else -1
        if depth == 0:
            return data[opening + 1 : bracket.start()].decode("utf-8", "replace"), bracket.end()
    return "", opening + _LONGEST_ARGUMENTS


CUDA = Simt(Language.CUDA, MappingProxyType({".cu": "cuda-cpp", ".cuh": "cuda-cpp"}))
HIP = Simt(Language.HIP, MappingProxyType({".hip": "hip"}))
