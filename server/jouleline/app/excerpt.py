"""The part of a program that a model has to see to judge one kernel, within a limit of size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from jouleline.core.facts import Function, ProgramFacts
from jouleline.core.kernel import Kernel
from jouleline.core.syntax import ancestor, text_of

from .analyse import Analysis, KernelReport

MOST_CHARACTERS: Final = 24_000
"""About 6,000 tokens: a kernel with all it calls, and the host code that decides its sizes."""
_MOST_OF_ONE_HOST_FUNCTION: Final = 6_000
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_CUT: Final = "\n// ... the rest is left out\n"


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the program under a heading; parts of one heading go into one block."""

    heading: str
    text: str


def excerpt(report: KernelReport, analysis: Analysis, program: ProgramFacts) -> str:
    """The kernel, what it uses of the program, and the host code around its launch, as Markdown.

    What is nearest to the kernel comes first into the limit: the kernel, then the functions, types and
    constants that it uses, then the function that launches it, then ``main``.
    """
    left = MOST_CHARACTERS
    parts: dict[str, list[str]] = {}
    for part in _parts(report, analysis, program):
        if left <= 0:
            break
        text = part.text if len(part.text) <= left else part.text[:left] + _CUT
        left -= len(text)
        parts.setdefault(part.heading, []).append(text)
    blocks = ((heading, "\n\n".join(texts)) for heading, texts in parts.items())
    return "\n\n".join(f"{heading}:\n\n```cpp\n{text}\n```" for heading, text in blocks)


def _parts(report: KernelReport, analysis: Analysis, program: ProgramFacts) -> Iterator[_Part]:
    kernel = report.kernel
    text = kernel_text(kernel, analysis, report.file)
    yield _Part("The kernel", text)
    around = _enclosing(kernel.node) if kernel.directive is not None else None
    used, functions = _used(text, program, kernel.name)
    for definition in used:
        yield _Part("What it uses of the program", definition)
    shown = {function.node.start_byte for function in functions}
    place = around if around is not None else _enclosing(report.launch.place if report.launch else None)
    for node in (place, _main(program)):
        if node is not None and node.start_byte not in shown:
            shown.add(node.start_byte)
            host = text_of(node)
            if len(host) > _MOST_OF_ONE_HOST_FUNCTION:
                host = host[:_MOST_OF_ONE_HOST_FUNCTION] + _CUT
            yield _Part("Host code around the launch", host)


def kernel_text(kernel: Kernel, analysis: Analysis, file: str) -> str:
    """The kernel as it is written; a directive with the statement below it."""
    data = analysis.texts[file].data
    start = data.rfind(b"\n", 0, kernel.start) + 1
    return data[start : kernel.end].decode("utf-8", "replace")


def _used(text: str, program: ProgramFacts, kernel: str) -> tuple[list[str], list[Function]]:
    """Definitions that a text refers to, directly or through others, in the order they are met."""
    definitions: list[str] = []
    functions: list[Function] = []
    seen = {kernel}
    waiting = [text]
    while waiting:
        for word in _WORD.findall(waiting.pop(0)):
            if word in seen:
                continue
            seen.add(word)
            found = _definition(word, program)
            if found is not None:
                definitions.append(found)
                waiting.append(found)
                if word in program.functions:
                    functions.append(program.functions[word])
    return definitions, functions


def _definition(word: str, program: ProgramFacts) -> str | None:
    if (function := program.functions.get(word)) is not None and word != "main":
        data = function.source.text.data
        # The line's start brings the words in front, such as __device__.
        start = data.rfind(b"\n", 0, function.node.start_byte) + 1
        return data[start : function.node.end_byte].decode("utf-8", "replace")
    if (macro := program.function_macros.get(word)) is not None:
        return f"#define {word}({', '.join(macro.parameters)}) {macro.body}"
    if (value := program.macros.get(word)) is not None:
        return f"#define {word} {value}"
    if (members := program.structs.get(word)) is not None:
        return f"struct {word} {{ {' '.join(f'{kind} {name};' for name, kind in members.items())} }};"
    if (declared := program.variables.get(word)) is not None and declared.node.parent is not None:
        return text_of(declared.node.parent)
    return None


def _enclosing(node: Node | None) -> Node | None:
    return None if node is None else ancestor(node, "function_definition")


def _main(program: ProgramFacts) -> Node | None:
    main = program.functions.get("main")
    return None if main is None else main.node
