"""Follow host code from ``main`` to its kernels, without running it.

The program is walked once with the values that are known: constants, the run line's arguments, and
what follows from them. A loop is followed for its first iterations, since the first launch is what
a profiler measures; a condition that is not known is walked both ways, unless one of them gives up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tree_sitter import Node

from .conditionals import CONDITIONALS
from .declarations import mutated_names
from .directives import Directive, directive_of, offloads, opens_kernel, statement_after
from .hostcalls import ExitError
from .hostloops import HostLoops
from .hostmacros import MOST_CALLS
from .hoststate import OutOfStepsError
from .hostvalues import SCALAR, Buffer, Cell, HostValue, Kind, Pointer
from .kernel import Launch
from .launchsites import FindLaunches, LaunchSites
from .preprocessing import as_compiled
from .programfacts import ProgramFacts
from .syntax import ParsedSource, Place
from .syntax import field as child

_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_WRITTEN_BACK: Final = ("map", "reduction", "in_reduction", "lastprivate", "linear")


@dataclass
class HostRun(HostLoops):
    """Walks the statements of host code."""

    _statements: dict[str, Callable[[Node], str]] = field(default_factory=dict)
    _skipped: set[int] = field(default_factory=set)
    _mutated: dict[int, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Prepare the table of handlers, one for a type of statement."""
        super().__post_init__()
        self._statements = {
            "compound_statement": self._block,
            "declaration": self._declaration,
            "expression_statement": self._expression,
            "if_statement": self._if,
            "for_statement": self._for,
            "while_statement": self._while,
            "do_statement": self._do,
            "for_range_loop": self._range,
            "switch_statement": self._switch,
            "return_statement": self._return,
            "break_statement": lambda _: "break",
            "continue_statement": lambda _: "continue",
            "preproc_call": self._directive,
            "preproc_include": self._included,
            "attribute_declaration": self._directive,
            "throw_statement": lambda _: "exit",
            "try_statement": lambda node: self._inside(child(node, "body")),
            "else_clause": self._all,
            "labeled_statement": self._all,
            "attributed_statement": self._all,
            "translation_unit": self._all,
            "case_statement": self._all,
            "ERROR": self._all,
            "comment": lambda _: "",
            "preproc_def": lambda _: "",
            "preproc_function_def": lambda _: "",
            "using_declaration": lambda _: "",
            "function_definition": lambda _: "",
            "struct_specifier": lambda _: "",
            "type_definition": lambda _: "",
            "alias_declaration": lambda _: "",
        }

    def walk(self) -> None:
        """Walk the program from each ``main`` it has."""
        mains = self.functions("main")
        for main in mains:
            words = ["program", *self.arguments]
            cells = {index: Cell(word) for index, word in enumerate(words)} | {len(words): Cell(0)}
            self.words = Buffer("argv", Kind("?", 8, name="char"), Cell(len(words) + 1), cells=cells)
            given: list[HostValue] = [len(words), Pointer(self.words)]
            self.names = {}
            for one, value in zip(self.parameters(main.node), given, strict=False):
                self.names[one.name] = Cell(value)
            self.types, self.template, self.this = {}, {}, None
            self.returned, self.depth, self.loops = [], 0, 0
            body = main.body
            if body is None:
                continue
            self.last = body.id if main is mains[-1] else 0
            try:
                self.body(body, main.source)
            except (ExitError, OutOfStepsError, RecursionError):
                continue
        # They hold the walk itself: without this only the collector of garbage would free what it knew.
        self._statements, self._handlers = {}, {}

    def body(self, node: Node, source: ParsedSource | None) -> None:
        """Walk the body of a function."""
        self.statement(node, source)

    def statement(self, node: Node, source: ParsedSource | None = None) -> str:
        """Walk a statement; returns how it ends: with ``break``, ``return``... or empty to go on."""
        if source is None:
            return self._inside(node)
        outer, self.source = self.source, source
        try:
            return self._inside(node)
        finally:
            self.source = outer

    def _inside(self, node: Node | None) -> str:
        if node is None:
            return ""
        self.step()
        if self._skipped and node.id in self._skipped:
            return ""
        handler = self._statements.get(node.type)
        if handler is not None:
            return handler(node)
        if node.type in CONDITIONALS:
            return self._parts(node, self.conditionals.branch(node))
        self._launched(node)
        self.evaluate(node)
        return ""

    def _block(self, node: Node) -> str:
        names = self.names
        self.names = dict(names)
        try:
            return self._all(node)
        finally:
            self.names = names

    def _all(self, node: Node) -> str:
        return self._parts(node, node.named_children)

    def _parts(self, node: Node, parts: Sequence[Node]) -> str:
        """Walk the parts of a statement one after the other; of the last, up to its own last."""
        end = self._end_of_kernels(parts) if self.is_last(node) else None
        for at, item in enumerate(parts, start=1):
            if at == end:
                self.last = item.id
            if ended := self._inside(item):
                return ended
            if at == end and not self._deferred:
                break
        return ""

    def _end_of_kernels(self, nodes: Sequence[Node]) -> int:
        """How many of the statements come before those from which no kernel may be reached."""
        source, end = self.source, len(nodes)
        while end and source is not None and not self.sites.may_reach(source, nodes[end - 1]):
            end -= 1
        return end

    def _declaration(self, node: Node) -> str:
        launched = self._launched(node)
        if not launched:
            self.declaration(node)
        return ""

    def _expression(self, node: Node) -> str:
        if self._launched(node):
            return ""
        for item in node.named_children:
            if item.type == "call_expression" and self._statement_macro(item):
                continue
            self.evaluate(item)
        return ""

    def _statement_macro(self, node: Node) -> bool:
        name = self.text(child(node, "function"))
        outer = self.sites.spot
        if name in self.program.function_macros and outer is None and self.source is not None:
            self.sites.spot = Place.of(node, self.source)
            try:
                self.evaluate(node)
            finally:
                self.sites.spot = None
            return True
        return False

    def _included(self, node: Node) -> str:
        """A file of the program whose statements stand in the middle of a function."""
        name = self.text(child(node, "path")).strip('"<>')
        ended = ""
        for file, facts in self.program.files.items():
            if file != name and not file.endswith(f"/{name}"):
                continue
            if self.depth < MOST_CALLS:
                self.depth += 1
                ended = self.statement(facts.source.root, facts.source)
                self.depth -= 1
            break
        return ended

    def _return(self, node: Node) -> str:
        self._launched(node)
        value: HostValue = None
        for item in node.named_children:
            value = self.evaluate(item)
        if not (self.ends or self.depth or self.sites.visits or self.sites.regions):
            return ""  # of main, though no kernel was reached
        self.returned.append(value)
        return "return"

    # Kernels

    def _launched(self, node: Node) -> bool:
        """Visit the launches that a statement holds itself, not in a lambda; whether it has any."""
        if self.source is None:
            return False
        found = self.sites.within(self.source, node)
        for launch in found:
            self.sites.launch(self, self.source, launch)
        return bool(found)

    def _directive(self, node: Node) -> str:
        directive = directive_of(node, self.source) if self.source is not None else None
        if self.source is None or directive is None:
            return ""
        for clause in directive.clauses:
            if clause.name in ("map", "to", "from"):
                self._mapped(clause.argument)
        if not opens_kernel(directive):
            return ""
        self.sites.region(self, self.source, node)
        statement = statement_after(node)
        if statement is not None and offloads(directive):
            self._skipped.add(statement.id)
            if statement.id not in self._mutated:
                self._mutated[statement.id] = mutated_names(statement)
            for name in _written_back(directive, self._mutated[statement.id]):
                cell = self.names.get(name)
                if cell is not None and isinstance(cell.value, SCALAR):
                    self.write(cell, None)
        return ""

    def _mapped(self, text: str) -> None:
        """Take the sizes of pointers from mapped sections: ``map(to: a[0:n])``."""
        self.sites.mapped(self, text)


def _written_back(directive: Directive, changed: frozenset[str]) -> frozenset[str]:
    """Of the scalars that an offloaded region changes, those whose values come back.

    Without a clause a scalar is private to the region (OpenMP 4.5, section 2.15.5).
    """
    if directive.clause("defaultmap"):
        return changed
    returned = (one.argument for one in directive.clauses if one.name in _WRITTEN_BACK)
    return changed.intersection(_WORD.findall(" ".join(returned)))


def follow(
    program: ProgramFacts, arguments: tuple[str, ...], multiprocessors: int, find: FindLaunches
) -> LaunchSites:
    """The launches and regions that a program reaches, in the order in which it does."""
    compiled = _compiled(program)
    walked = {id(facts.source.text): facts.source for facts in compiled.files.values()}

    def found(source: ParsedSource) -> Sequence[Launch]:
        """The launches of a file in the tree that is walked, whichever tree of it is asked for."""
        return find(walked.get(id(source.text), source))

    run = HostRun(compiled, arguments, multiprocessors, sites=LaunchSites(found, program))
    run.walk()
    if not (run.sites.visits or run.sites.regions):
        # The program does not end before its first kernel, so a condition was misjudged.
        run = HostRun(compiled, arguments, multiprocessors, ends=False, sites=LaunchSites(found, program))
        run.walk()
    run.sites.conclude()
    return run.sites


def _compiled(program: ProgramFacts) -> ProgramFacts:
    """The program with the files that do not parse as they are written as the compiler sees them."""
    broken = [name for name, facts in program.files.items() if facts.source.root.has_error]
    if not broken:
        return program
    files = dict(program.files)
    for name in broken:
        facts = files[name]
        if b"#" in facts.source.text.data:
            macros = {
                macro: text
                for other, known in program.files.items()
                if other != name
                for macro, text in known.macros.items()
            }
            macros |= dict(program.given)
            files[name] = as_compiled(facts, macros)
    return ProgramFacts(files, program.given)
