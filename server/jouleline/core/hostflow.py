"""Follow the branches of host code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from tree_sitter import Node

from .hostcalls import ExitError, HostCalls
from .hoststate import MOST_STEPS
from .hostvalues import NUMBER, Callee, Cell, HostValue, agreed, truth
from .launchsites import LaunchSites
from .syntax import field as child

_SUPPOSED: Final = 1000
"""Steps of a way that is walked though the program does not take it."""
_ELSEWHERE: Final = ("break", "continue")


@dataclass(eq=False)
class Lap:
    """A loop that is being followed, and the step at which it has taken its share of them."""

    body: Node | None
    limit: int


class LingeringError(Exception):
    """A loop without kernels has taken its share of the steps."""

    def __init__(self, lap: Lap) -> None:
        super().__init__()
        self.lap = lap


@dataclass
class HostFlow(HostCalls):
    """Follows branches; loops and other statements are walked by those who know them."""

    sites: LaunchSites = field(default_factory=LaunchSites)
    _laps: list[Lap] = field(default_factory=list)
    _followed: dict[int, int] = field(default_factory=dict)
    _supposed: set[int] = field(default_factory=set)
    _deferred: bool = False

    def linger(self) -> None:
        """Leave the outermost loop that has taken its share, unless it may reach a kernel."""
        for lap in self._laps:
            if lap.limit < self.steps:
                if lap.body is None or not self.sites.may_launch(self.text(lap.body)):
                    raise LingeringError(lap)
                lap.limit = MOST_STEPS
        self._reckon()

    def _reckon(self) -> None:
        self.ceiling = min([MOST_STEPS, *(lap.limit for lap in self._laps)])

    def taken(self, callee: Callee) -> Callee:
        """Take a function for a value: a kernel that it may reach is reached where it is called."""
        if callee.code is None:
            self._deferred |= self.sites.may_launch(callee.name)
        else:
            self._deferred |= self.source is None or self.sites.may_reach(self.source, callee.code)
        return callee

    def _inside(self, node: Node | None) -> str:
        raise NotImplementedError

    def _branch(self, node: Node | None, *, is_last: bool) -> str:
        if is_last and node is not None:
            self.last = node.id
        return self._inside(node)

    # Conditions

    def _if(self, node: Node) -> str:
        names, is_last = self.names, self.is_last(node)
        self.names = dict(names)
        try:
            holds = truth(self.evaluate(child(node, "condition")))
            taken, other = child(node, "consequence"), child(node, "alternative")
            if holds is not None:
                self._suppose(other if holds else taken)
                return self._branch(taken if holds else other, is_last=is_last)
            return self._either([partial(self._branch, way, is_last=is_last) for way in (taken, other)])
        finally:
            self.names = names

    def _either(self, ways: Sequence[Callable[[], str]]) -> str:
        """Walk several ways from here, and go on with what they agree on.

        A way that gives up (it leaves the function or the program) is left out where another goes on.
        """
        outcomes = [self._aside(way) for way in ways]
        going = [outcome for outcome in outcomes if not outcome[0]]
        if len(going) < len(outcomes) and any(ended in ("break", "return") for ended, _ in outcomes):
            self.uncertain += 1
        if going:
            # What a way does that goes on elsewhere in the loop is not undone by that.
            going += [outcome for outcome in outcomes if outcome[0] in _ELSEWHERE]
        kept = going or [outcome for outcome in outcomes if outcome[0] != "exit"] or outcomes
        self._join([changes for _, changes in kept])
        if kept[0][0] == "exit":
            raise ExitError
        return kept[0][0]

    def _aside(self, way: Callable[[], str]) -> tuple[str, dict[Cell, tuple[HostValue, HostValue]]]:
        """Walk a way and come back: how it ends, and what it changes."""
        mark, returns = self.watch(), len(self.returned)
        outer = (
            self.names,
            self.this,
            self.types,
            self.template,
            self.returned,
            self.source,
            self.depth,
            len(self.active),
        )
        try:
            ended = way()
        except ExitError:
            ended = "exit"
            self.names, self.this, self.types, self.template, self.returned, self.source, self.depth = outer[
                :-1
            ]
            del self.active[outer[-1] :]
        finally:
            changes = self.written(mark, undo=True)
        if ended == "return" and len(self.returned) > returns and _is_error(self.returned[-1]):
            del self.returned[returns:]
        return ended, changes

    def _suppose(self, node: Node | None, way: Callable[[], str] | None = None) -> None:
        """Walk once what this run does not do, for kernels that are reached in no other way."""
        if node is None or node.id in self._supposed:
            return
        self._supposed.add(node.id)
        unseen = self.source is not None and self.sites.unseen(self.source, node)
        if not unseen and not self.sites.may_launch(self.text(node)):
            return
        names, returned, lap = self.names, self.returned, Lap(None, self.steps + _SUPPOSED)
        kept = self.sites.supposing, self.uncertain, self.read, dict(self.used), dict(self._followed)
        self.names, self.returned, self.sites.supposing, mark = dict(names), [], True, len(self._retyped)
        self._laps.append(lap)
        self._reckon()
        try:
            self._aside(way or (lambda: self._inside(node)))
        except LingeringError as error:
            if error.lap is not lap:
                raise
        finally:
            self._laps.remove(lap)
            self._reckon()
            self.untype(mark)
            self.names, self.returned = names, returned
            self.sites.supposing, self.uncertain, self.read, self.used, self._followed = kept

    def _join(self, ways: Sequence[dict[Cell, tuple[HostValue, HostValue]]]) -> None:
        for cell in dict.fromkeys(cell for way in ways for cell in way):
            values = [way[cell][1] if cell in way else cell.value for way in ways]
            self.write(cell, agreed(values))

    def _switch(self, node: Node) -> str:
        value = self.evaluate(child(node, "condition"))
        body = child(node, "body")
        cases = [item for item in body.named_children if item.type == "case_statement"] if body else []
        if isinstance(value, int):
            chosen = next((i for i, case in enumerate(cases) if self._label(case) == value), None)
            if chosen is None:
                chosen = next((i for i, case in enumerate(cases) if child(case, "value") is None), None)
            for at, case in enumerate(cases):
                if at != chosen:
                    self._suppose(case, partial(self._cases, cases[at:]))
            ended = self._cases(cases[chosen:]) if chosen is not None else ""
        else:
            ways = [partial(self._cases, cases[at:]) for at in range(len(cases))]
            ended = self._either(ways) if ways else ""
        return "" if ended == "break" else ended

    def _label(self, case: Node) -> HostValue:
        value = child(case, "value")
        return self.evaluate(value) if value is not None else None

    def _cases(self, cases: Sequence[Node]) -> str:
        for case in cases:
            label = child(case, "value")
            for item in case.named_children:
                if label is not None and item.id == label.id:
                    continue
                if ended := self._inside(item):
                    return "" if ended == "break" else ended
        return ""


def _is_error(value: HostValue) -> bool:
    return value is None or (isinstance(value, NUMBER) and value < 0)
