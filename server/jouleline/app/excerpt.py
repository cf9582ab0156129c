"""The part of a program that a model has to see to judge one kernel, within a limit of size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from jouleline.core.declarations import Function
from jouleline.core.kernel import Kernel
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ancestor, text_of

from .analyse import Analysis, KernelReport

MOST_CHARACTERS: Final = 24_000
"""About 6,000 tokens: a kernel with all it calls, and the host code that decides its sizes."""
_MOST_OF_ONE_HOST_FUNCTION: Final = 6_000
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_GAP: Final = "\n// ... a part is left out\n"
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
    shown: set[str] = set()
    for name, definition in _used(text, program, kernel.name).items():
        shown.add(name)
        yield _Part("What it uses of the program", definition)
    for name, host in (_around(report, analysis), _main(program)):
        if host and name not in shown:
            shown.add(name)
            yield _Part("Host code around the launch", host)


def kernel_text(kernel: Kernel, analysis: Analysis, file: str) -> str:
    """The kernel as it is written; a directive with the statement below it."""
    return _written(analysis.texts[file].data, kernel.node, kernel.start, kernel.end)


def _written(data: bytes, node: Node | None, start: int, end: int) -> str:
    """The text as the user wrote it, from the start of its line: the tree knows no launch's brackets.

    A template's head belongs to it.
    """
    parent = None if node is None else node.parent
    if parent is not None and parent.type == "template_declaration":
        start = min(start, parent.start_byte)
    return data[data.rfind(b"\n", 0, start) + 1 : end].decode("utf-8", "replace")


def _used(text: str, program: ProgramFacts, kernel: str) -> dict[str, str]:
    """Definitions that a text refers to, directly or through others, in the order they are met."""
    definitions: dict[str, str] = {}
    seen = {kernel, "main"}
    waiting = [text]
    while waiting:
        for word in _WORD.findall(waiting.pop(0)):
            if word in seen:
                continue
            seen.add(word)
            if found := _definition(word, program):
                definitions[word] = found
                waiting.append(found)
    return definitions


def _definition(word: str, program: ProgramFacts) -> str | None:
    # Macros first: where one stands for a loop, the parser may take its use for a function.
    if (macro := program.function_macros.get(word)) is not None:
        return f"#define {word}({', '.join(macro.parameters)}) {macro.body}"
    if (value := program.macros.get(word)) is not None:
        return f"#define {word} {value}"
    if (function := program.functions.get(word)) is not None:
        return _function_text(function)
    if (members := program.structs.get(word)) is not None:
        return f"struct {word} {{ {' '.join(f'{kind} {name};' for name, kind in members.items())} }};"
    if (declared := program.variables.get(word)) is not None and declared.node.parent is not None:
        return text_of(declared.node.parent)
    return None


def _function_text(function: Function) -> str:
    node = function.node
    return _written(function.source.text.data, node, node.start_byte, node.end_byte)


def _around(report: KernelReport, analysis: Analysis) -> tuple[str, str]:
    """Name and text of the function that launches the kernel or holds its directive; empty if unknown."""
    launch = report.launch
    place = report.kernel.node if launch is None else launch.place
    file: str | None = report.file
    if report.kernel.directive is None:
        if launch is None:
            return "", ""
        files = analysis.launches.items()
        found = (name for name, launches in files if any(one.place == launch.place for one in launches))
        file = next(found, None)
    node = None if place is None else ancestor(place, "function_definition")
    if node is None or place is None:
        return "", ""
    name = text_of(node.child_by_field_name("declarator")).split("(")[0].split("::")[-1].strip("*& ")
    if file is None:
        return name, _shortened(text_of(node))
    text = _written(analysis.texts[file].data, node, node.start_byte, node.end_byte)
    below = analysis.texts[file].data[place.end_byte : node.end_byte].decode("utf-8", "replace")
    return name, _shortened(text, len(text) - len(below))


def _shortened(text: str, place: int = 0) -> str:
    """A long host function's beginning, where sizes are read, and what leads to ``place``."""
    if len(text) <= _MOST_OF_ONE_HOST_FUNCTION:
        return text
    head = _MOST_OF_ONE_HOST_FUNCTION // 2
    if place <= 2 * head:
        return text[: 2 * head] + _CUT
    end = text.find("\n", place)
    end = len(text) if end < 0 else end
    return text[:head] + _GAP + text[end - head : end] + _CUT


def _main(program: ProgramFacts) -> tuple[str, str]:
    main = program.functions.get("main")
    return "main", "" if main is None else _shortened(_function_text(main))
