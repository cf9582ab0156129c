"""Where a candidate computes with fewer digits than its baseline: narrower types, faster mathematics."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from tree_sitter import Node

from .normal_form import called, function_name, inner_name
from .syntax import ParsedSource, ancestor, descendants, field, text_of

_RANKS: Final = (
    (re.compile(r"\blong double\b|\b__float128\b"), 4),
    (re.compile(r"\bdouble\d?\b|\bfloat64_t\b"), 3),
    (re.compile(r"\bfloat\d?\b|\bfloat32_t\b"), 2),
    (
        re.compile(
            r"\b(?:(?:__)?(?:nv_)?half2?|_Float16|__fp16|__bf16|(?:__)?(?:nv_|hip_)?bfloat16\w*|float16_t)\b"
        ),
        1,
    ),
)
_NAMES: Final = {4: "long double", 3: "double", 2: "float", 1: "half"}
_LOOSE: Final = re.compile(r"fast-math|Ofast|unsafe-math|finite-math|associative-math|reciprocal-math")
_NARROW_CALL: Final = re.compile(
    r"(?:sqrt|exp|exp2|log|log2|log10|pow|sin|cos|tan|tanh|fabs|floor|ceil|cbrt|hypot|erf|fma|atan2?)f|"
    r"__(?:sinf|cosf|expf|logf|powf|fdividef|frcp_rn|frsqrt_rn)|_mm\d*_rcp\w+|_mm\d*_rsqrt\w+"
)


def narrowings(before: Mapping[str, ParsedSource], after: Mapping[str, ParsedSource]) -> tuple[str, ...]:
    """What got narrower, as short phrases; empty if nothing did.

    A variable counts under its own name, and under any name where wide ones give way to narrow ones.
    Further narrow variables in a program that has both are no narrowing.
    """
    old, new = _Types(before), _Types(after)
    found = [
        f"{name} from {_NAMES[rank]} to {_NAMES[new.ranks[place]]} ({new.places[place]})"
        for place, rank in old.ranks.items()
        if (name := place[1]) and new.ranks.get(place, rank) < rank
    ]
    if not found:
        for rank in (3, 2):
            fewer = old.counts[rank] > new.counts[rank]
            narrower = sum(new.counts[low] - old.counts[low] for low in range(1, rank))
            had = sum(old.counts[low] for low in range(1, rank))
            if old.counts[rank] and narrower > 0 and (fewer or not had):
                low = next(low for low in range(1, rank) if new.counts[low] > old.counts[low])
                found.append(f"{_NAMES[low]} where the baseline has {_NAMES[rank]} ({new.first[low]})")
                break
    found += [f"{what} ({place})" for what, place in new.loose.items() if what not in old.loose]
    return tuple(found)


class _Types:
    """The floating types of a program: by function and name, and how often each is mentioned."""

    def __init__(self, files: Mapping[str, ParsedSource]) -> None:
        self.ranks: dict[tuple[str, str], int] = {}
        self.places: dict[tuple[str, str], str] = {}
        self.counts: Counter[int] = Counter()
        self.first: dict[int, str] = {}
        self.loose: dict[str, str] = {}
        for file, source in files.items():
            for name, rank, node in _mentions(source.root):
                line = f"{file}:{node.start_point[0] + 1}"
                self.counts[rank] += 1
                self.first.setdefault(rank, line)
                function = ancestor(node, "function_definition")
                key = (function_name(function) if function is not None else "", name)
                if name and rank >= self.ranks.get(key, 0):
                    self.ranks[key], self.places[key] = rank, line
            text = source.text.data.decode("utf-8", "replace")
            for match in _LOOSE.finditer(text):
                self.loose.setdefault(match[0], f"{file}:{text.count(chr(10), 0, match.start()) + 1}")


def _mentions(root: Node) -> Iterator[tuple[str, int, Node]]:
    """Each mention of a floating type: the name it is given to (or none), its rank, and where."""
    declared = ("declaration", "parameter_declaration", "optional_parameter_declaration", "field_declaration",
                "function_definition")  # fmt: skip
    for node in descendants(root, *declared):
        rank = _rank(text_of(field(node, "type")))
        for one in node.children_by_field_name("declarator"):
            if rank is not None and not text_of(one).startswith("main("):
                yield text_of(inner_name(one)), rank, node
    for node in descendants(root, "cast_expression", "type_definition", "alias_declaration", "preproc_def"):
        given = field(node, "type") or field(node, "value")
        rank = _rank(text_of(given))
        if rank is not None:
            named = field(node, "declarator") or field(node, "name")
            yield text_of(named) if node.type != "cast_expression" else "", rank, node
    for node in descendants(root, "call_expression", "new_expression", "sizeof_expression"):
        function = text_of(field(node, "function") or field(node, "type"))
        if node.type == "call_expression" and _NARROW_CALL.fullmatch(called(node)):
            yield "", 2, node
        elif "<" in function or node.type != "call_expression":
            rank = _rank(function)
            if rank is not None:
                yield "", rank, node


def _rank(text: str) -> int | None:
    for pattern, rank in _RANKS:
        if pattern.search(text):
            return rank
    return None
