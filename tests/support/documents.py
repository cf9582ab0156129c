"""The documents as their readers have them: commands to type, their output, links, and tests by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENTS: Final = tuple(
    sorted(
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "docs/*.md", "docs/results/*.md", "vscode-client/README.md", "samples/*.md")
        for path in ROOT.glob(pattern)
        if path.name != "CHANGELOG.md"
    )
)
_OURS: Final = ("jouleline", "make", "pip", "uvx", "npm", "python", "python3")
_FENCE: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A command line: where it stands, what it is, and the output that the document shows, None if none.

    ``mention`` is one that stands in a sentence or a table.
    """

    document: str
    text: str
    shown: tuple[str, ...] | None = None
    mention: bool = False

    @property
    def program(self) -> str:
        return self.text.split()[0]


def read(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


def commands(document: str, text: str) -> Iterator[Command]:
    """All commands of ours in a text, in order within blocks; then those within sentences."""
    for _, language, block in _FENCE.findall(text):
        if language in ("", "sh", "console", "yaml"):
            yield from _of_block(document, block, console=language == "console")
    sentences = _FENCE.sub("", text)
    for block in re.findall(r"(?:^    .*\n)+", sentences, re.MULTILINE):
        yield from _of_block(document, block)
    prose = re.sub(r"(?:^    .*\n)+", "", sentences, flags=re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", prose):
        for one in _commands_of_line(code.replace("\\|", "|").replace("\n", " ")):
            yield Command(document, one, mention=True)


def _of_block(document: str, block: str, *, console: bool = False) -> Iterator[Command]:
    lines = re.sub(r"\\\n\s*", "", block).splitlines()
    if not console:
        for line in lines:
            for one in _commands_of_line(line.removeprefix("      - run:")):
                yield Command(document, one)
        return
    for part in re.split(r"^\$ ", "\n".join(lines), flags=re.MULTILINE)[1:]:
        line, *output = part.splitlines()
        for one in _commands_of_line(line):
            yield Command(document, one, shown=tuple(output))


def _commands_of_line(line: str) -> Iterator[str]:
    """The commands of ours in a line, without comments: ``make package && code ...`` is one and another's."""
    for part in re.split(r"\s+&&\s+", re.split(r"\s#(?:\s|$)", line)[0]):
        words = part.strip().split()
        if len(words) < 2 or Path(words[0]).name not in _OURS:
            continue
        yield " ".join([Path(words[0]).name, *words[1:]])


def files(text: str) -> Iterator[tuple[str, str]]:
    """The files that a document gives whole: their names, and their texts with the line that names them."""
    for _, _, block in _FENCE.findall(text):
        if named := re.match(r"(?://|#) ([\w./-]+\.\w+)\n", block):
            yield named[1], block


def links(text: str) -> Iterator[str]:
    """What a document links to, or shows as a picture."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))
    yield from re.findall(r"\]\(([^)\s]+)\)", prose)


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    for title in re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", title).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(next(name for name in (slug, *(f"{slug}-{i}" for i in range(1, 99))) if name not in found))
    return found


@cache
def known_in(path: str) -> frozenset[str]:
    """The names of a file's tests: functions in Python, titles in TypeScript."""
    text = (ROOT / path).read_text("utf-8")
    if path.endswith(".ts"):
        return frozenset(title for _, title in re.findall(r"""\btest\(\s*(['"])(.+?)\1,""", text))
    tree = ast.walk(ast.parse(text))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree if isinstance(node, kinds) and node.name.startswith("test_"))
