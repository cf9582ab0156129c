"""How often a run launches a kernel, as far as the host code around the launch tells; never too often.

The loops around a launch count when their trips are known, nothing in them decides whether it is reached,
and what is launched is the same each time. Where that ends, so does counting: what is left counts once.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from jouleline.core.loops import read_loop
from jouleline.core.polynomial import Polynomial
from jouleline.core.syntax import descendants, field, text_of
from jouleline.core.visit import Memory, Visit

from .analyse import Analysis, KernelReport

_CHOICES: Final = frozenset(
    ("if_statement", "switch_statement", "while_statement", "do_statement", "for_range_loop",
     "conditional_expression", "lambda_expression", "catch_clause")
)  # fmt: skip
_LEAVES: Final = ("break_statement", "return_statement", "goto_statement", "throw_statement")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class LaunchCount:
    """At least how many launches; ``known`` if all loops around the launch, up to its function, counted."""

    number: int
    known: bool


def launch_counts(analysis: Analysis) -> list[LaunchCount]:
    """For each kernel of an analysis at least how often a run launches it in that way."""
    places = [_place(report) for report in analysis.kernels]
    often = Counter(place.id for place in places if place is not None)
    return [
        # A launch of several shapes is each of them now and then.
        LaunchCount(1, known=False) if place is None or often[place.id] > 1 else _count(place, report)
        for place, report in zip(places, analysis.kernels, strict=True)
    ]


def _place(report: KernelReport) -> Node | None:
    if report.launch is not None:
        return report.launch.place
    return report.kernel.node if report.kernel.directive is not None else None


def _count(place: Node, report: KernelReport) -> LaunchCount:
    visit = report.launch.visit if report.launch is not None else report.visit
    if visit is None:
        return LaunchCount(1, known=False)
    number = 1
    node = place.parent
    while node is not None and node.type != "function_definition":
        if node.type in _CHOICES:
            return LaunchCount(number, known=False)
        if node.type == "for_statement":
            trips = _trips(node, place, visit)
            if trips is None:
                return LaunchCount(number, known=False)
            number *= max(trips, 1)
        node = node.parent
    return LaunchCount(number, known=True)


def _trips(loop: Node, place: Node, visit: Visit) -> int | None:
    """The trips of a loop in which the same is launched each time; None if that is not known."""
    body = field(loop, "body")
    if body is None or any(not _inside(leave, place) for leave in descendants(body, *_LEAVES)):
        return None
    variable = read_loop(loop, lambda _: None).variable
    changed = {
        name for name in _changed(body, place) if not isinstance(visit.names.get(name), Memory)
    }  # pointers change hands in many loops, and the work stays the same
    own = {text_of(name) for one in descendants(place, "init_declarator") for name in _declared(one)}
    fixed = (_words(place) - own) | (_words(field(loop, "condition")) - {variable})
    if variable in changed or fixed & {*changed, variable}:
        return None

    def value(name: str) -> Polynomial | None:
        known = visit.names.get(name)
        return Polynomial.constant(known) if isinstance(known, int) else None

    trips = read_loop(loop, value).trips
    number = trips.number if trips is not None else None
    return int(number) if number is not None else None


def _changed(body: Node, place: Node) -> set[str]:
    """What is declared, assigned or counted in a loop, outside of what is launched."""
    found: set[str] = set()
    for node in descendants(body, "assignment_expression", "update_expression", "init_declarator"):
        if _inside(node, place):
            continue
        target = field(node, "left") or field(node, "argument") or field(node, "declarator")
        found |= {text_of(name) for name in _names(target)}
    return found


def _declared(declarator: Node) -> list[Node]:
    return _names(field(declarator, "declarator"))


def _names(node: Node | None) -> list[Node]:
    if node is None:
        return []
    return [node] if node.type == "identifier" else list(descendants(node, "identifier"))


def _inside(node: Node, place: Node) -> bool:
    return place.start_byte <= node.start_byte and node.end_byte <= place.end_byte


def _words(node: Node | None) -> set[str]:
    return {*_WORD.findall(text_of(node))} if node is not None else set()
