"""Count the body of an OpenMP region: who executes what, as its directives share it out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tree_sitter import Node

from . import costs
from .counting import BodyCounter
from .ctype import INT
from .directives import PRAGMAS, Directive, directive_of, offloads
from .polynomial import ZERO, Polynomial
from .syntax import field as child
from .values import Shared, Value

_THREAD, _TEAM = "omp_get_thread_num()", "omp_get_team_num()"
_COUNTS: Mapping[str, str] = MappingProxyType(
    {_THREAD: "omp_get_num_threads()", _TEAM: "omp_get_num_teams()"}
)
_WHO = (_TEAM, _THREAD, *_COUNTS.values())


@dataclass(slots=True)
class RegionCounter(BodyCounter):
    """Walks the statements of a target or parallel region.

    What stands outside of the loops that are shared is executed by every team (and, in a parallel
    region, by every thread); a shared loop's iterations are executed once by one of them.
    ``threads`` and ``teams`` are those of the launch; it is ``parallel`` where they all are at work.
    """

    directive: Directive | None = None
    teams: float = 1.0
    threads: float = 1.0
    parallel: bool = False

    def kernel(self, node: Node, times: Polynomial) -> Polynomial:
        """Count the whole region."""
        self.local_space = "shared"
        self._bind(_TEAM, 1.0)
        self._bind(_THREAD, 1.0)
        return self._handed([self.directive, *self._behind(self.directive, node)], node, times)

    @property
    def surroundings(self) -> Hashable:
        """Which thread and which team this is, of how many, and how many threads a directive may start."""
        return (self.threads, self.parallel, *self.builtins.values())

    def _behind(self, directive: Directive | None, node: Node) -> list[Directive]:
        """The directives between the region's own and its statement."""
        found: list[Directive] = []
        before = node.prev_named_sibling
        while directive is not None and before is not None and before.start_byte > directive.start:
            inner = directive_of(before, self.source)
            if inner is not None and _shares(inner):
                found.insert(0, inner)
            before = before.prev_named_sibling
        return found

    def _sequence(self, node: Node, times: Polynomial) -> Polynomial:
        pending: list[Directive] = []
        elsewhere = False
        for item in node.named_children:
            if item.type in PRAGMAS:
                found = directive_of(item, self.source)
                if found is not None and _shares(found):
                    pending.append(found)
                self.atomic = self.atomic or (found is not None and found.has("atomic"))
                # What a function offloads that is called here is a kernel: it is counted where it stands.
                elsewhere = elsewhere or (self.depth > 0 and found is not None and offloads(found))
            elif item.type != "comment":
                if not elsewhere:
                    after = self._handed(pending, item, times)
                    times = times if pending else after
                pending, elsewhere, self.atomic = [], False, False
        return times

    def _handed(self, directives: Sequence[Directive | None], node: Node, times: Polynomial) -> Polynomial:
        """A statement under its directives, the outermost first."""
        if not directives or directives[0] is None:
            return self.statement(node, times)
        return self._shared(directives[0], directives[1:], node, times)

    def _shared(
        self, directive: Directive, others: Sequence[Directive | None], node: Node, times: Polynomial
    ) -> Polynomial:
        """A statement that a directive, and the ``others`` behind it, hand to teams or threads."""
        words = set(directive.words) & {"teams", "distribute", "parallel", "for", "loop"}
        if self.parallel and "parallel" in words:  # one within another has a single thread
            return self._handed(others, node, times)
        if words == {"loop"} or ("loop" in words and "parallel" not in words):
            words |= {"distribute", "parallel", "for"}
        # What teams each do, or share out later, depends on how many there are.
        self.walk.hands_out |= len(words & {"teams", "distribute"}) == 1
        before = {name: self.names.get(name, Value(INT, ZERO)) for name in _WHO}, self.builtins
        factor = 1.0
        if "teams" in words and "distribute" not in words:
            factor *= self._bind(_TEAM, self.teams)
        if "distribute" in words and "teams" not in words:
            factor /= self.teams
        if "parallel" in words and "for" not in words:
            factor *= self._bind(_THREAD, self._asked(directive))
        if "for" in words and "parallel" not in words:
            factor /= self.threads
        if words & {"distribute", "for"}:
            self._share_loops(directive, node, fast="for" in words)
        outer, around = self.local_space, self.parallel
        self.parallel = around or "parallel" in words
        # What a team declares outside of its parallel region lies in memory that its threads share.
        self.local_space = "register" if "parallel" in words or outer == "register" else "shared"
        after = self._handed(others, node, times * factor)
        self.local_space, self.parallel = outer, around
        names, self.builtins = before
        self.names.update(names)
        return after * (1 / factor)

    def _asked(self, directive: Directive) -> float:
        clause = directive.clause("num_threads")
        known = self.compiled(clause.argument) if clause else None
        number = known.number if known is not None else None
        return number or self.threads

    def _bind(self, index: str, extent: float) -> float:
        """Let an index tell threads (or teams) apart; returns how many there are."""
        several = extent > 1
        value = Polynomial.symbol(index) if several else ZERO
        if several and index not in self.tally.ranges:
            self.tally.share(index, Polynomial.constant(extent), fast=index == _THREAD)
        bound = {index: Value(INT, value), _COUNTS[index]: Value(INT, Polynomial.constant(extent))}
        self.names.update(bound)
        self.builtins = {**self.builtins, **bound}
        return extent

    def _share_loops(self, directive: Directive, node: Node | None, *, fast: bool) -> None:
        """The indices of the loops that a directive takes as one tell threads apart, the inner ones first."""
        left = directive.collapse
        found: list[int] = []
        while node is not None and left > 0:
            if node.type in ("compound_statement", "attributed_statement"):
                node = next((item for item in node.named_children if item.type == "for_statement"), None)
                continue
            if node.type != "for_statement":
                break
            found.append(node.start_byte)
            node = child(node, "body")
            left -= 1
        for depth, start in enumerate(reversed(found)):
            integers = costs.SHARED_ITERATION + costs.COLLAPSED * (len(found) - 1) if depth == 0 else 0.0
            self.tally.shared_loops[start] = Shared(fast, integers)


def _shares(directive: Directive) -> bool:
    return bool({"teams", "distribute", "parallel", "for", "loop"} & set(directive.words))
