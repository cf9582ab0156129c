"""OpenMP: a kernel is a target region, or a parallel region that is in no other."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath
from types import MappingProxyType

from tree_sitter import Node

from jouleline.core.counting import BodyCounter
from jouleline.core.counts import LaunchShape
from jouleline.core.ctype import FLOAT, INT, UNKNOWN, CType, Scalar
from jouleline.core.declarations import Declared, function_of
from jouleline.core.directives import Directive, directives, opens_kernel, statement_after
from jouleline.core.estimate import Setting
from jouleline.core.evaluate import evaluate, evaluate_text
from jouleline.core.hostscope import HostScope
from jouleline.core.inductions import Changes
from jouleline.core.kernel import Kernel, Language, Launch
from jouleline.core.launch import DEFAULT_BLOCK, DEFAULT_GRID, DEFAULT_THREADS, Assumptions, sizes_for
from jouleline.core.loops import read_loop
from jouleline.core.polynomial import ONE, Polynomial
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource, Place, ancestor, text_of
from jouleline.core.syntax import field as child
from jouleline.core.values import Array, Tally, Value, placed
from jouleline.core.visit import Memory
from jouleline.core.worksharing import RegionCounter

_THREADS = 128
_FEWEST_THREADS = 32
_MOST_TEAMS = 3200
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)
_INCLUDED = re.compile(rb'#\s*include\s*["<](?:[^">\n]*/)?([^">/\n]+)[">]')
_NAMES_OF_STD = re.compile(rb"\busing\s+(?:namespace\s+)?std\b")
_TYPE_PARAMETERS = frozenset(("type_parameter_declaration", "optional_type_parameter_declaration"))


class OpenMP:
    """The OpenMP programming model, for offload and for the host."""

    language = Language.OPENMP
    suffixes: Mapping[str, str] = MappingProxyType(
        {".cpp": "cpp", ".cc": "cpp", ".cxx": "cpp", ".c": "c", ".h": "cpp", ".hpp": "cpp"}
    )

    def spoken_in(self, source: ParsedSource) -> bool:
        """Always: any file may have directives."""
        del source
        return True

    def kernels(self, source: ParsedSource, within: range | None = None) -> list[Kernel]:
        """The target and parallel regions of a file."""
        found: list[Kernel] = []
        inside = 0
        for directive, node in directives(source, within):
            if not opens_kernel(directive) or node.start_byte < inside:
                continue
            statement = statement_after(node)
            end = statement.end_byte if statement is not None else directive.end
            inside = end
            line = source.text.point(node.start_byte).line + 1
            name = _enclosing_name(node, source)
            found.append(
                Kernel(
                    name=name,
                    language=self.language,
                    start=node.start_byte,
                    end=end,
                    anchor=directive.end,
                    line=line,
                    end_line=source.text.point(max(end - 1, 0)).line + 1,
                    place=Place.of(statement, source) if statement is not None else None,
                    source=source,
                    directive=directive,
                )
            )
        return found

    def launches(self, source: ParsedSource, within: range | None = None) -> list[Launch]:
        """None: an OpenMP region is launched where it stands."""
        del source, within
        return []

    def enter(self, kernel: Kernel, launch: Launch | None, program: ProgramFacts, host: HostScope) -> Setting:
        """Bind the variables of the enclosing function, and find the parallel iterations."""
        del launch
        tally = Tally()
        types = _template_types(program, host, tally)
        names, constants = _visible(program, host, types)
        source, node = kernel.source, kernel.node
        if node is not None:
            source, node = program.statement_macros.statement(source, node)
        counter = RegionCounter(
            program,
            source,
            names,
            types,
            tally,
            Changes(node),
            directive=kernel.directive,
            has_c_functions=not _offloads(kernel) and _has_c_functions(kernel.source, program),
        )
        _fix(counter, constants, host)
        iterations = _iterations(kernel.directive, node, counter)
        if iterations.number == 0 and _offloads(kernel):
            # Nobody offloads a loop of no iterations: the size was not followed.
            names.update({name: _forgotten(name, value) for name, value in names.items()})
            iterations = _iterations(kernel.directive, node, counter)
        known = len(tally.assumptions)
        if iterations.number is None:
            tally.sizes |= sizes_for(iterations, DEFAULT_THREADS)
        assumptions = Assumptions(tally.assumptions, tally.sizes)
        count = iterations.evaluate(assumptions.value_of)
        shape = _shape(kernel.directive, count, _Asked(kernel, host, assumptions, tally))
        if known != len(tally.assumptions):
            shape = replace(shape, known=False)
        counter.builtins = {}
        counter.teams, counter.threads = float(shape.grid[0]), float(shape.block[0])
        return Setting(counter, node, shape, threads=1.0, line=kernel.line)


def _offloads(kernel: Kernel) -> bool:
    return kernel.directive is not None and kernel.directive.has("target")


def _has_c_functions(source: ParsedSource, program: ProgramFacts) -> bool:
    """Whether a host compiler finds only C's functions of mathematics, which take doubles.

    So it is with <cmath> and no names of std; <math.h>, CUDA's headers and clang's for devices declare others
    for float. The program's headers that a file includes count with it.
    """
    files = {PurePosixPath(name).name: facts.source for name, facts in program.files.items()}
    found, waiting, finds_std = set[str](), [source], False
    while waiting:
        included, names_std = _includes(waiting.pop().text.data)
        finds_std = finds_std or names_std
        waiting += [files[name] for name in included - found if name in files]
        found |= included
    return "cmath" in found and "math.h" not in found and not finds_std


@lru_cache(maxsize=64)
def _includes(text: bytes) -> tuple[frozenset[str], bool]:
    """The names of the headers that a file includes, and whether it makes names of std its own."""
    code = _COMMENT.sub(b"", text)
    names = frozenset(name.decode("utf-8", "replace") for name in _INCLUDED.findall(code))
    return names, _NAMES_OF_STD.search(code) is not None


def _forgotten(name: str, value: Value) -> Value:
    """A variable without its value, if that is 0."""
    known = value.value.number if value.value is not None and value.type.scalar is Scalar.INT else None
    return Value(value.type, Polynomial.symbol(name), value.array) if known == 0 else value


def _enclosing_name(node: Node, source: ParsedSource) -> str:
    definition = ancestor(node, "function_definition")
    function = function_of(definition, source) if definition is not None else None
    return function.name if function is not None else "?"


def _template_types(program: ProgramFacts, host: HostScope, tally: Tally) -> dict[str, CType]:
    """The template parameters around a region that are types, as they are where it was reached."""
    given = host.visit.template if host.visit is not None else {}
    types: dict[str, CType] = {}
    template = ancestor(host.region.node, "template_declaration") if host.region is not None else None
    while template is not None:
        listed = child(template, "parameters")
        for item in listed.named_children if listed is not None else ():
            if item.type not in _TYPE_PARAMETERS or not item.named_children:
                continue
            name = text_of(child(item, "name") or item.named_children[-1])
            resolved = program.type_of(given.get(name, ""))
            if resolved is None or (resolved.scalar is Scalar.OTHER and not resolved.struct):
                tally.assume(f"{name} = float: the template argument is not known")
                resolved = FLOAT
            types.setdefault(name, resolved)
        template = ancestor(template, "template_declaration")
    return types


def _fix(counter: BodyCounter, constants: Sequence[Declared], host: HostScope) -> None:
    """Tell the counter what the compiler knows of the names around the region."""
    for name, text in host.visit.template.items() if host.visit is not None else ():
        if name not in counter.types and (known := evaluate_text(text, counter.compiled)) is not None:
            counter.fixed[name] = known
    for constant in constants:
        if (known := evaluate(constant.value, counter.compiled)) is not None:
            counter.fixed[constant.name] = known


def _visible(
    program: ProgramFacts, host: HostScope, types: Mapping[str, CType]
) -> tuple[dict[str, Value], Sequence[Declared]]:
    """The variables that the region sees: parameters and locals of the function around it.

    Those that are constants with an initial value are also listed, as they are declared.
    """

    def type_of(text: str) -> CType | None:
        words = text.replace("*", " ").replace("&", " ").split()
        bound = next((types[word] for word in words if word in types), None)
        return bound.pointer(text.count("*")) if bound is not None else program.type_of(text)

    names: dict[str, Value] = {}
    constants: list[Declared] = []
    node = host.region.node if host.region is not None else None
    definition = host.functions.around(node) if node is not None else None
    if node is None or definition is None or host.region is None:
        return names, constants
    for variable, end in host.functions.declared(definition, host.region.source):
        if variable.node.start_byte >= host.region.start:
            break
        if end <= host.region.start:
            continue  # its block has ended
        kind = type_of(variable.type)
        if kind is None and variable.value is not None and "new" in text_of(variable.value)[:4]:
            kind = type_of(text_of(child(variable.value, "type")) + "*")
        kind = kind or UNKNOWN
        if kind.is_pointer or _is_container(variable.type):
            if _is_container(variable.type):
                inner = variable.type.split("<", 1)[1].rstrip("*& ").removesuffix(">")
                kind = (type_of(inner) or UNKNOWN).pointer()
            extents = tuple(evaluate(item, lambda name: host.name(name, node)) for item in variable.extents)
            array = Array(variable.name, "global", extents=extents)
            names[variable.name] = Value(kind, None, placed(array, host.memory(variable.name)))
        else:
            names[variable.name] = Value(kind, host.name(variable.name, node))
            if variable.constant and variable.value is not None and kind.scalar is Scalar.INT:
                constants.append(variable)
    for name, known in host.visit.names.items() if host.visit is not None else ():
        if name in names or not isinstance(known, int | float | Memory):
            continue
        global_ = program.variables.get(name)
        kind = (program.type_of(global_.type) if global_ is not None else None) or INT
        if isinstance(known, int | float):
            if global_ is None or not global_.constant:  # the compiler knows a constant, and so do facts
                names[name] = Value(kind, Polynomial.constant(known))
        elif global_ is not None and kind.is_pointer and not global_.space:
            extents = tuple(evaluate(item, lambda name: host.name(name, node)) for item in global_.extents)
            names[name] = Value(kind, None, placed(Array(name, "global", extents=extents), known))
    return names, constants


def _is_container(text: str) -> bool:
    return "vector<" in text or "array<" in text or "unique_ptr<" in text


def _iterations(directive: Directive | None, node: Node | None, counter: BodyCounter) -> Polynomial:
    """Iterations of the loops that the directive takes as one."""
    total = ONE
    wanted = directive.collapse if directive else 1
    while node is not None and wanted > 0:
        if node.type in ("compound_statement", "attributed_statement"):
            inner = [item for item in node.named_children if item.type != "comment"]
            loops = [item for item in inner if item.type == "for_statement"]
            node = loops[0] if loops else None
            continue
        if node.type != "for_statement":
            break
        loop = read_loop(node, counter.lookup, counter.tally.mean)
        trips = loop.trips or Polynomial.symbol(f"trips@{node.start_point.row + 1}")
        total = total * trips
        counter.names.setdefault(loop.variable, Value(INT))
        node = child(node, "body")
        wanted -= 1
    return total


@dataclass(frozen=True)
class _Asked:
    """What a directive asks for; sizes that are not known are assumed, and noted."""

    kernel: Kernel
    host: HostScope
    assumptions: Assumptions
    tally: Tally

    def clause(self, name: str, wanted: float) -> int | None:
        """The value of a clause, None without it; an unknown one comes close to what is ``wanted``."""
        found = self.kernel.directive.clause(name) if self.kernel.directive else None
        place = self.host.region.node if self.host.region is not None else None
        value = self.host.evaluate_text(found.argument.rpartition(":")[2], place) if found and place else None
        if found is None or place is None:
            return None
        if value is None:
            self.assumptions.notes[f"{name}({found.argument}) = {wanted:.15g}: not known"] = None
            return round(wanted)
        if value.number is None:
            free = {symbol: size for symbol, size in self.tally.sizes.items() if symbol in value.symbols}
            rest = value.substitute({symbol: Polynomial.constant(size) for symbol, size in free.items()})
            self.tally.sizes |= sizes_for(rest, wanted)
        number = value.evaluate(self.assumptions.value_of)
        return max(1, int(number)) if math.isfinite(number) else round(wanted)


def _shape(directive: Directive | None, iterations: float, asks: _Asked) -> LaunchShape:
    """Teams and threads as the directive asks, else as LLVM's offload plugin chooses them.

    A loop that teams and threads share gets a thread for each iteration; when these are few, there
    are fewer threads in a team. A loop that only teams share gets a team for each iteration. A
    grid that is not asked for has at most 3200 teams, of 128 threads if that is open, too. The rule is
    that of ``GenericKernelTy::getNumBlocks`` in LLVM's offload/plugins-nextgen; the figures 3200, 128 and
    32 were checked against grids and blocks that were measured, not against a release of LLVM.
    """
    asked = asks.clause("num_threads", DEFAULT_BLOCK) or asks.clause("thread_limit", DEFAULT_BLOCK)
    threads, trips = min(1024, asked or _THREADS), max(1, math.ceil(iterations))
    if directive is None or not directive.has("target"):
        teams = asks.clause("num_teams", DEFAULT_GRID) or max(1, math.ceil(iterations / threads))
    elif given := asks.clause("num_teams", DEFAULT_THREADS / threads):
        teams = given
    elif not {"teams", "loop"} & set(directive.words):
        teams = 1
    elif not {"parallel", "loop"} & set(directive.words):
        teams = min(trips, _MOST_TEAMS)
    else:
        if asked is None and trips < _MOST_TEAMS * threads:
            # The smallest power of two that does with the teams there can be.
            threads = max(_FEWEST_THREADS, 2 ** math.ceil(math.log2(math.ceil(trips / _MOST_TEAMS))))
        teams = min(math.ceil(trips / threads), _MOST_TEAMS)
    return LaunchShape((min(teams, 2**31 - 1), 1, 1), (threads, 1, 1), known=True)


OPENMP = OpenMP()
