"""The places of a program that a refactoring leaves alone, as values that two programs can be compared by.

Each site is a normal form (:mod:`.normal_form`) and where it stands. Which kinds there are, and what
may be added to or missing from them, is :mod:`.regions`'s affair; here they are only found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tree_sitter import Node

from .constants import number
from .normal_form import UNKNOWN, Names, called, guards, inner_name
from .syntax import ParsedSource, ancestor, descendants, field, text_of

CLOCKS: Final = frozenset(
    "now omp_get_wtime gettimeofday clock clock_gettime timespec_get time MPI_Wtime cudaEventRecord "
    "hipEventRecord cudaEventElapsedTime hipEventElapsedTime getrusage __rdtsc rdtsc".split()
)
RANDOM: Final = frozenset("rand random drand48 lrand48 mrand48 erand48 rand_r".split())
SEEDING: Final = frozenset("srand srandom srand48 seed curand_init hiprand_init".split())
READS: Final = frozenset(
    "fopen fdopen freopen open openat fread fgets fgetc getc getchar scanf fscanf sscanf getline read pread "
    "mmap getenv secure_getenv ifstream fstream".split()
)
OUTSIDE: Final = frozenset(
    "system popen fork vfork execl execlp execv execve execvp posix_spawn dlopen dlsym socket connect "
    "signal sigaction atexit on_exit quick_exit _exit _Exit shm_open ptrace kill getppid setitimer "
    "__gcov_reset __gcov_dump __asan_default_options __tsan_default_options __ubsan_default_options".split()
)
_ENGINES: Final = re.compile(
    r"\b(?:mt19937(?:_64)?|minstd_rand0?|default_random_engine|ranlux\w+|knuth_b|random_device"
    r"|\w+_distribution)\b"
)
_SPEAKS_OF_TIME: Final = re.compile(
    r"(?<![a-z])(?:time|elapsed|took|duration|seconds|secs?|[mun]s|(?<=\s)s|gb/s|gflops?|throughput|bandwidth|rate|"
    r"average)(?![a-z])",
    re.IGNORECASE,
)
_VERDICT: Final = re.compile(
    r"(?<![a-z])(?:pass(?:ed)?|fail(?:ed|ures?)?|ok|success(?:ful)?|errors?|mismatch(?:es)?|(?:in)?correct"
    r"|(?:in)?valid|verif\w*|wrong|match(?:es)?)(?![a-z])",
    re.IGNORECASE,
)
_REFERENCE: Final = re.compile(r"reference|golden|(?:^|_)(?:cpu|host|ref|gold)(?:_|$)", re.IGNORECASE)
_CHECKING: Final = re.compile(r"verif|check(?!sum|point|er)|valid|compare|matches", re.IGNORECASE)
_WRITES: Final = re.compile(r",\s*\"w[^\"]*\"\s*\)$")
_LOOPS: Final = ("for_statement", "while_statement", "do_statement", "for_range_loop")
_EXPRESSIONS: Final = (
    "binary_expression", "conditional_expression", "parenthesized_expression", "cast_expression",
    "unary_expression", "subscript_expression",
)  # fmt: skip
_SHOWN: Final = 90
_STATEMENTS: Final = (
    "expression_statement", "declaration", "return_statement", "condition_clause", "preproc_def",
)  # fmt: skip
_COMPARES: Final = frozenset(("<", ">", "<=", ">=", "==", "!="))


class Kind(StrEnum):
    """What a site is for; the words that a workload's ``consent`` may hold."""

    SIZES = "sizes"
    SEEDS = "seeds"
    INPUTS = "inputs"
    TIMERS = "timers"
    CHECKS = "checks"
    CONVERGENCE = "convergence"


@dataclass(frozen=True, slots=True)
class Site:
    """One place: what it means, and where it is. Lines count from 1."""

    kind: Kind
    what: str
    meaning: str
    file: str
    line: int
    shown: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What is compared."""
        return self.what, self.meaning


def sites(names: Names, files: Mapping[str, ParsedSource]) -> Iterator[Site]:
    """All protected sites of a program, in the order of files and text."""
    checking = _checking_functions(names)
    for file, source in files.items():
        for kind, what, meaning, node in _all(names, source.root, checking):
            yield Site(kind, what, meaning, file, node.start_point[0] + 1, _cut(text_of(_statement(node))))


def _statement(node: Node) -> Node:
    """What a reader wants to see of a place: its statement if that is short, else itself."""
    around = node
    while around.parent is not None and around.type not in _STATEMENTS:
        around = around.parent
    return around if len(text_of(around)) <= _SHOWN and around.type in _STATEMENTS else node


def _cut(text: str) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= _SHOWN else folded[: _SHOWN - 3] + "..."


_Found = Iterator[tuple[Kind, str, str, Node]]


def _all(names: Names, root: Node, checking: frozenset[str]) -> _Found:
    yield from _calls(names, root, checking)
    yield from _engines(names, root)
    yield from _arguments(names, root)
    yield from _verdicts(names, root, checking)
    yield from _convergence(names, root)
    yield from _trips(names, root)


def _calls(names: Names, root: Node, checking: frozenset[str]) -> _Found:
    for node in descendants(root, "call_expression"):
        name = called(node)
        if name in CLOCKS and name not in names.functions:
            yield Kind.TIMERS, "clock", name, node
        elif name in SEEDING:
            yield Kind.SEEDS, "seed", f"{name}{_given(names, node)}", node
        elif name in RANDOM:
            yield Kind.SEEDS, "random number", _whole(names, node), node
        elif name in READS and not _WRITES.search(text_of(node)):
            yield Kind.INPUTS, "reading", f"{name} {_strings(node)}".strip(), node
        elif name in OUTSIDE:
            yield Kind.INPUTS, "outside", name, node
        elif name == "assert":
            yield Kind.CHECKS, "assertion", _given(names, node), node
        elif name in checking or _REFERENCE.search(name):
            yield Kind.CHECKS, "check", name, node
        if (name.endswith("printf") or name == "print") and _SPEAKS_OF_TIME.search(_strings(node)):
            arguments = field(node, "arguments")
            for part in arguments.named_children if arguments else ():
                yield from _time(names, part, _strings(node))
    for node in descendants(root, "binary_expression"):
        if text_of(field(node, "operator")) != "<<" or (
            node.parent is not None and node.parent.type == "binary_expression"
        ):
            continue
        words = _strings(node)
        if _SPEAKS_OF_TIME.search(words):
            for part in _streamed(node):
                yield from _time(names, part, words)


def _streamed(node: Node) -> Iterator[Node]:
    while node.type == "binary_expression" and text_of(field(node, "operator")) == "<<":
        right, left = field(node, "right"), field(node, "left")
        if right is not None:
            yield right
        if left is None:
            return
        node = left


def _time(names: Names, part: Node, words: str) -> _Found:
    """A figure that is printed on a line that speaks of time: what it is divided by matters."""
    if part.type in ("string_literal", "concatenated_string"):
        return
    meaning = names.normal(part)
    if number(meaning) is None and not meaning.startswith("whole("):
        yield Kind.TIMERS, f"figure on {words}", meaning, part


def _given(names: Names, call: Node) -> str:
    arguments = field(call, "arguments")
    parts = arguments.named_children if arguments is not None else []
    return f"({', '.join(names.normal(part) for part in parts)})"


def _strings(node: Node) -> str:
    return " ".join(text_of(one) for one in descendants(node, "string_literal", "raw_string_literal"))


def _whole(names: Names, node: Node) -> str:
    """The normal form of the largest expression around a node."""
    while node.parent is not None and node.parent.type in _EXPRESSIONS:
        node = node.parent
    return names.normal(node)


def _engines(names: Names, root: Node) -> _Found:
    for node in descendants(root, "declaration"):
        kind = _ENGINES.search(text_of(field(node, "type")))
        if kind is None:
            continue
        for one in node.children_by_field_name("declarator"):
            given = text_of(one)[len(text_of(inner_name(one))) :].strip("(){}= ")
            values = [names.stands_for(part.strip(), node) for part in given.split(",") if part.strip()]
            yield Kind.SEEDS, "generator", f"{kind[0]}({', '.join(values)})", node
    for node in descendants(root, "declaration"):
        if re.search(r"\bi?fstream\b", text_of(field(node, "type"))):
            yield Kind.INPUTS, "reading", f"ifstream {_strings(node)}".strip(), node


def _arguments(names: Names, root: Node) -> _Found:
    for node in descendants(root, "subscript_expression"):
        if names.normal(node).startswith("argv["):
            top = node
            while top.parent is not None and (
                top.parent.type in (*_EXPRESSIONS, "argument_list")
                or (top.parent.type == "call_expression" and called(top.parent) not in names.functions)
            ):
                if top.parent.type == "argument_list" and not _is_reading(top.parent.parent):
                    break
                top = top.parent
            under = [one for one in guards(names, node) if "argc" in one and one not in names.normal(top)]
            yield Kind.INPUTS, "argument", " if ".join([names.normal(top), *under]), node


def _is_reading(call: Node | None) -> bool:
    return call is not None and re.fullmatch(r"(?:ato|sto|strto)\w+|string|max|min", called(call)) is not None


def _checking_functions(names: Names) -> frozenset[str]:
    """The program's functions that its verdict comes from."""
    found = {name for name in names.functions if _CHECKING.search(name)}
    for functions in tuple(names.functions.values()):
        for function in functions:
            for node in descendants(function, "string_literal"):
                if not _VERDICT.search(text_of(node)):
                    continue
                for call in _condition_calls(names, node):
                    if call in names.functions:
                        found.add(call)
    return frozenset(found - {"main"})


def _condition_calls(names: Names, node: Node) -> Iterator[str]:
    for condition in _conditions(node):
        for call in descendants(condition, "call_expression"):
            yield called(call)
        for name in descendants(condition, "identifier"):
            for given in names.assigned(name):
                for call in descendants(given, "call_expression"):
                    yield called(call)


def _conditions(node: Node) -> Iterator[Node]:
    inner, parent = node, node.parent
    while parent is not None and parent.type != "function_definition":
        condition = field(parent, "condition")
        if parent.type in ("if_statement", "conditional_expression") and condition not in (None, inner):
            assert condition is not None
            yield condition
        inner, parent = parent, parent.parent


def _verdicts(names: Names, root: Node, checking: frozenset[str]) -> _Found:
    """What the program's own verdict is made of: its words, when they are said, and all thresholds."""
    for node in descendants(root, "string_literal"):
        if not _VERDICT.search(text_of(node)) or ancestor(node, "preproc_include") is not None:
            continue
        said = [one for one in guards(names, node) if one != UNKNOWN]
        guarded = "guarded" if any(True for _ in _conditions(node)) else "always"
        yield Kind.CHECKS, "verdict", f"{text_of(node)} {guarded} {' '.join(said)}".strip(), node
        for condition in _conditions(node):
            for name in descendants(condition, "identifier"):
                for given in names.assignments(name):
                    yield from _thresholds(names, given)
    for function in descendants(root, "function_definition"):
        declarator = field(function, "declarator")
        if declarator is None or not any(text_of(inner_name(declarator)) == name for name in checking):
            continue
        yield from _thresholds(names, function)
        for node in descendants(function, "return_statement"):
            under = "guarded" if any(True for _ in _conditions(node)) else "always"
            value = names.normal(node.named_children[0]) if node.named_children else UNKNOWN
            if value in ("true", "false", "0", "1"):
                yield Kind.CHECKS, "result", f"{value} {under}", node


def _thresholds(names: Names, node: Node) -> _Found:
    """Comparisons with constants in an assignment, in what guards it, and in the loops around it."""
    places = [node, *_conditions(node)]
    for place in places:
        for one in descendants(place, "binary_expression"):
            if text_of(field(one, "operator")) in _COMPARES and ancestor(one, "for_statement") != one.parent:
                meaning = names.normal(one)
                if re.search(r"\d", meaning):
                    yield Kind.CHECKS, "threshold", meaning.replace("ours()", UNKNOWN), one
    around: list[Node] = []
    loop = ancestor(node, "for_statement")
    while loop is not None:
        around.append(loop)
        loop = ancestor(loop, "for_statement")
    inside = descendants(node, "for_statement") if node.type == "function_definition" else iter(())
    for one in (*around, *inside):
        meaning = names.normal(field(one, "condition"))
        if re.search(r"\d", meaning):
            yield Kind.CHECKS, "extent", meaning, one


def _convergence(names: Names, root: Node) -> _Found:
    for loop in descendants(root, *_LOOPS[:3]):
        counter = counter_of(loop)
        tests = [(part, names.normal(part)) for part in _parts(field(loop, "condition"))]
        for jump in descendants(loop, "break_statement", "goto_statement"):
            if ancestor(jump, *_LOOPS, "switch_statement") != loop:
                continue
            branch = ancestor(jump, "if_statement")
            if branch is not None and loop.start_byte < branch.start_byte:
                tests += [(part, names.opposite(part)) for part in _parts(field(branch, "condition"))]
        found: set[str] = set()
        for part, meaning in tests:
            if names.floating(part) and not _mentions(part, counter):
                found |= {text_of(one) for one in descendants(part, "identifier")}
                yield Kind.CONVERGENCE, "test", meaning.replace("ours()", UNKNOWN), part
        if not found:
            continue
        for branch in descendants(loop, "if_statement"):
            condition = names.normal(field(branch, "condition"))
            sets = {text_of(field(one, "left")) for one in descendants(branch, "assignment_expression")}
            idle = field(branch, "alternative") is not None and not sets & found
            if not idle and re.search(r" [%&] ", condition):
                yield Kind.CONVERGENCE, "interval", condition, branch
        for inner in descendants(loop, "for_statement"):
            if inner != loop and trip(names, inner) is not None:
                yield Kind.CONVERGENCE, "sweeps", str(trip(names, inner)), inner
        for call in descendants(loop, "call_expression"):
            if called(call) in names.functions:
                yield Kind.CONVERGENCE, "step", called(call), call


def _parts(condition: Node | None) -> list[Node]:
    """The operands of a condition's ``&&`` and ``||``."""
    while condition is not None and condition.type in ("condition_clause", "parenthesized_expression"):
        inside = condition.named_children
        condition = field(condition, "value") or (inside[-1] if inside else None)
    if condition is None:
        return []
    if condition.type == "binary_expression" and text_of(field(condition, "operator")) in ("&&", "||"):
        return [*_parts(field(condition, "left")), *_parts(field(condition, "right"))]
    return [condition]


def _mentions(node: Node, name: str) -> bool:
    return any(text_of(one) == name for one in descendants(node, "identifier")) if name else False


def counter_of(loop: Node) -> str:
    """The name that a for loop counts in; empty if it counts in none."""
    update = field(loop, "update")
    return text_of(inner_name(update)) if update is not None else ""


def trip(names: Names, loop: Node) -> str | None:
    """How often a loop runs whose body has no use for its counter; None for all other loops."""
    counter, body = counter_of(loop), field(loop, "body")
    condition, update = field(loop, "condition"), text_of(field(loop, "update"))
    if not counter or body is None or condition is None or condition.type != "binary_expression":
        return None
    for use in descendants(body, "identifier"):
        if text_of(use) == counter and not _is_idle(use, loop):
            return None
    left, right = field(condition, "left"), field(condition, "right")
    if left is None or text_of(left) != counter:
        return None
    step = "" if "++" in update or "--" in update else f" step {update.partition('=')[2].strip() or update}"
    return f"{text_of(field(condition, 'operator'))} {names.normal(right)}{step}"


def _is_idle(use: Node, loop: Node) -> bool:
    """Whether a counter is only asked for or printed where it is used, not computed with."""
    parent = use.parent
    while parent is not None and parent != loop:
        if parent.type == "condition_clause":
            return True
        if parent.type == "call_expression":
            return called(parent).endswith("printf")
        if parent.type in ("subscript_expression", "assignment_expression", "init_declarator"):
            return False
        parent = parent.parent
    return False


def _trips(names: Names, root: Node) -> _Found:
    for loop in descendants(root, "for_statement"):
        times = trip(names, loop)
        if times is not None and re.search(r"\d", times):
            yield Kind.SIZES, "repeats", times, loop
            for branch in descendants(loop, "if_statement"):
                condition = field(branch, "condition")
                alone = field(branch, "alternative") is None
                if alone and condition is not None and _mentions(condition, counter_of(loop)):
                    yield Kind.SIZES, "skipped repeat", names.normal(condition), branch
