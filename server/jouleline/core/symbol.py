"""The names that profilers give to kernels, read back into what a source file calls them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from . import mangling

_SUFFIX = re.compile(r"(\s*\[clone [^\]]*\]|\.kd)+$")
_ANONYMOUS = re.compile(r"\(anonymous namespace\)::|<unnamed>::|_GLOBAL__N__\w+::|\{anonymous\}::")
# LLVM: device and inode of the file, the enclosing function, the directive's line, a count.
_LLVM_OFFLOAD = re.compile(r"__omp_offloading_[0-9a-f]+_[0-9a-f]+_(.+?)_l(\d+)(?:_\d+)?(?:_debug__)?")
_NVHPC_OFFLOAD = re.compile(r"nvkernel_(.+?)_F\d+L(\d+)_\d+_?")
_GNU_OFFLOAD = re.compile(r"(.+?)[$.]_omp_fn[$.]\d+")
_CAST = re.compile(r"\((?:unsigned |signed )?(?:int|long|long long|short|char|bool|[A-Za-z_]\w*)\)(?=[\w-])")
_NUMBER = re.compile(r"(-?\d+)[uUlL]*")
_QUALIFIER = re.compile(r"\b(const|volatile|__restrict__|__restrict|restrict|struct|class|enum)\b")
# As 64-bit Linux defines them.
_ALIASES: Final = {
    "int8_t": "signed char", "uint8_t": "unsigned char", "uchar": "unsigned char",
    "int16_t": "short", "uint16_t": "unsigned short", "ushort": "unsigned short",
    "int32_t": "int", "uint32_t": "unsigned int", "uint": "unsigned int",
    "int64_t": "long", "uint64_t": "unsigned long", "ulong": "unsigned long",
    "size_t": "unsigned long", "ptrdiff_t": "long", "unsigned": "unsigned int",
}  # fmt: skip
_ALIAS = re.compile(rf"\b(?:std::)?({'|'.join(_ALIASES)})\b(?!\s*(?:int|long|short|char)\b)")
_OF_HALVES = re.compile(r"\b(?:__nv_|nv_|__)(?=(?:half2?|bfloat162?)\b)")
_OPENING: Final = "<([{"
_CLOSING: Final = ">)]}"


@dataclass(frozen=True)
class Symbol:
    """A kernel's name, taken apart.

    ``name`` is the bare function name, or the whole mangled name. ``line`` is that of an OpenMP
    directive. ``template_arguments`` and ``parameters`` are None where the name does not tell; an argument
    that it does not tell is an empty text.
    """

    name: str
    line: int | None = None
    template_arguments: tuple[str, ...] | None = None
    parameters: tuple[str, ...] | None = None
    offload: bool = False

    def is_called(self, function: str) -> bool:
        """Whether a function of this bare name may be meant."""
        if self.name == function:
            return True
        if not self.name.startswith("_Z"):
            return False
        # In a mangled name an identifier stands behind its length.
        return re.search(rf"(?<!\d){len(function)}{re.escape(function)}", self.name) is not None

    def is_instance_of(self, arguments: Sequence[str]) -> bool:
        """Whether its template arguments are these, as far as they are told."""
        told = self.template_arguments
        if not told or len(told) != len(arguments):
            return False
        return all(a in ("", normal_argument(b)) for a, b in zip(told, arguments, strict=True))

    def place(self, function: str) -> int:
        """Where a mangled name mentions the function: its own name stands before its parameters."""
        return self.name.find(f"{len(function)}{function}") if self.name.startswith("_Z") else 0


def read_symbol(text: str) -> Symbol:
    """Take apart a name as Nsight Compute and rocprof print it, demangled or not."""
    text = _SUFFIX.sub("", text.strip())
    for pattern in (_LLVM_OFFLOAD, _NVHPC_OFFLOAD):
        if offload := pattern.fullmatch(text):
            return Symbol(offload[1], int(offload[2]), _mangled_arguments(offload[1]), offload=True)
    if offload := _GNU_OFFLOAD.fullmatch(text):
        return Symbol(offload[1], offload=True)
    if text.startswith("_Z"):
        return Symbol(text, template_arguments=_mangled_arguments(text))
    text = _ANONYMOUS.sub("", text)
    opening = _top_level(text, "(")
    head, tail = (text, None) if opening is None else (text[:opening], text[opening:])
    head = head.rstrip()
    arguments = None
    if head.endswith(">") and (start := _matching_start(head)) is not None:
        arguments = tuple(normal_argument(part) for part in split(head[start + 1 : -1]))
        head = head[:start]
    name = re.split(r"::|\s", head.rstrip())[-1].lstrip("*&")
    parameters = None
    if tail is not None and (end := tail.rfind(")")) > 0:
        parameters = tuple(normal_type(part) for part in split(tail[1:end]))
    return Symbol(name, template_arguments=arguments, parameters=parameters)


def normal_argument(text: str) -> str:
    """A template argument in one spelling: ``(int)256``, ``256u`` and ``256`` are the same."""
    bare = _CAST.sub("", text.strip())
    bare = {"false": "0", "true": "1"}.get(bare, bare)
    number = _NUMBER.fullmatch(bare)
    return number[1] if number else normal_type(bare)


def normal_type(text: str) -> str:
    """A type without blanks and qualifiers."""
    return re.sub(r"\s+", "", with_one_name(_QUALIFIER.sub(" ", text)))


def with_one_name(text: str) -> str:
    """A type with what has several names in one: ``__half`` is ``half``, and ``int16_t`` is ``short``."""
    return _ALIAS.sub(lambda alias: _ALIASES[alias[1]], _OF_HALVES.sub("", text))


def split(text: str) -> list[str]:
    """The parts between commas that no bracket encloses."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        if character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    last = text[start:]
    return [*parts, last] if parts or last.strip() else []


def _mangled_arguments(name: str) -> tuple[str, ...] | None:
    return tuple(map(normal_argument, mangling.read_symbol(name).arguments)) or None


def _top_level(text: str, wanted: str) -> int | None:
    depth = 0
    for place, character in enumerate(text):
        if character == wanted and depth == 0 and place > 0:
            return place
        if character == "<":
            depth += 1
        elif character == ">":
            depth -= 1
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
    return None


def _matching_start(text: str) -> int | None:
    """Where the angle bracket opens that the last character closes."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == ">") - (text[place] == "<")
        if depth == 0:
            return place
    return None
