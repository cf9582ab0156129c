"""Follow the branches and loops of host code."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from tree_sitter import Node

from .declarations import mutated_names
from .hostcalls import ExitError, HostCalls
from .hoststate import MOST_STEPS
from .hostvalues import Buffer, Callee, Cell, HostValue, Pointer, Record, agreed, truth
from .launchsites import LaunchSites
from .syntax import field as child
from .syntax import operands

_ALLOWANCE: Final = (4000, 500, 120)
_LONG: Final = 64
_SHARE: Final = 8000
"""Steps after which a loop is left that reaches no kernel."""
_SUPPOSED: Final = 1000
"""Steps of a way that is walked though the program does not take it."""
_ELSEWHERE: Final = ("break", "continue")
_COUNTERS: Final = frozenset(("identifier", "field_expression", "binary_expression", "subscript_expression"))
_RELATIONS: Final = frozenset(("<", ">", "<=", ">=", "!="))


@dataclass(eq=False)
class _Lap:
    """A loop that is being followed, and the step at which it has taken its share of them."""

    body: Node | None
    limit: int


class LingeringError(Exception):
    """A loop without kernels has taken its share of the steps."""

    def __init__(self, lap: _Lap) -> None:
        super().__init__()
        self.lap = lap


@dataclass
class HostFlow(HostCalls):
    """Follows branches and loops; other statements are walked by those who know them."""

    sites: LaunchSites = field(default_factory=LaunchSites)
    _laps: list[_Lap] = field(default_factory=list)
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
        names, returned, lap = self.names, self.returned, _Lap(None, self.steps + _SUPPOSED)
        kept = self.sites.supposing, self.uncertain, self.read, dict(self.used), dict(self._followed)
        self.names, self.returned, self.sites.supposing = dict(names), [], True
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

    # Loops

    def _for(self, node: Node) -> str:
        names = self.names
        self.names = dict(names)
        try:
            initializer = child(node, "initializer")
            if initializer is not None:
                self._inside(initializer)
            return self._loop(child(node, "condition"), child(node, "update"), child(node, "body"))
        finally:
            self.names = names

    def _while(self, node: Node) -> str:
        return self._loop(child(node, "condition"), None, child(node, "body"))

    def _do(self, node: Node) -> str:
        ended = self._inside(child(node, "body"))
        if ended in ("return", "exit"):
            return ended
        return "" if ended == "break" else self._loop(child(node, "condition"), None, child(node, "body"))

    def _loop(self, condition: Node | None, update: Node | None, body: Node | None) -> str:
        """Follow a loop for as long as that is cheap, then forget what its later iterations change."""
        mark, started, uncertain = self.watch(), self.steps, self.uncertain
        # What is done again and again, as for one benchmark after the other, seldom tells anything new.
        again = self._followed.get(body.id, 0) if body is not None else 0
        allowance = _ALLOWANCE[min(self.loops + again, 2)]
        if body is not None:
            self._followed[body.id] = again + 1
        # What is computed deep inside, or late in a long program, seldom decides a launch.
        least = 2 if self.loops < 2 and self.steps < MOST_STEPS // 3 else 1
        self.loops += 1
        gaps: list[float] = []
        first: dict[Cell, HostValue] = {}
        ended, finished, trips, lingered = "", False, 0, False
        lap = _Lap(body, started + _SHARE)
        self._laps.append(lap)
        self._reckon()
        try:
            while True:
                holds, gap = self._holds(condition)
                if holds is False or (holds is None and trips):
                    finished = holds is False
                    break
                if gap is not None:
                    gaps.append(gap)
                if trips >= least and (self._is_long(gaps) or self.steps - started > allowance):
                    break
                ended = self._inside(body)
                if ended and ended != "continue":
                    finished = True
                    break
                self.evaluate(update)
                trips += 1
                if trips == 1:
                    first = {cell: cell.value for cell, _ in self._journal[mark:]}
        except LingeringError as error:
            if error.lap is not lap:
                raise
            lingered = True
            for name in mutated_names(body) if body is not None else ():
                if (cell := self.names.get(name)) is not None:
                    self.write(cell, None)
        finally:
            self.loops -= 1
            self._laps.remove(lap)
            self._reckon()
            changes = self.written(mark, undo=False)
        if not finished:
            left = self._left(condition, gaps) if uncertain == self.uncertain and not lingered else None
            self._generalise(changes, first, trips, left)
            if body is not None and self.source is not None and self.sites.unseen(self.source, body):
                self._either([lambda: self._inside(body), lambda: ""])
        return "" if ended in ("break", "continue") else ended

    def _holds(self, condition: Node | None) -> tuple[bool | None, float | None]:
        """Whether a loop goes on, and how far its variable is from its end."""
        if condition is None:
            return True, None
        node = condition
        while node.type in ("condition_clause", "parenthesized_expression") and node.named_child_count == 1:
            node = node.named_children[0]
        stepped, operator, end = operands(node) if node.type == "binary_expression" else (None, "", None)
        if operator in _RELATIONS:
            left, right = self.evaluate(stepped), self.evaluate(end)
            if isinstance(left, int | float) and isinstance(right, int | float):
                gap = right - left
                outcome = {"<": gap > 0, ">": gap < 0, "<=": gap >= 0, ">=": gap <= 0, "!=": gap != 0}
                is_counter = stepped is not None and stepped.type in _COUNTERS
                return outcome[operator], gap if is_counter else None
            return None, None
        return truth(self.evaluate(condition)), None

    @staticmethod
    def _is_long(gaps: Sequence[float]) -> bool:
        """Whether a loop closes in on its end in equal steps, and many of them are left."""
        if len(gaps) < 3:
            return False
        step, before = gaps[-2] - gaps[-1], gaps[-3] - gaps[-2]
        return step == before and (not step or gaps[-1] / step > _LONG)

    def _left(self, condition: Node | None, gaps: Sequence[float]) -> int | None:
        """How often a loop still runs that closes in on its end in equal steps."""
        node = condition
        while node is not None and node.type in ("condition_clause", "parenthesized_expression"):
            node = node.named_children[0] if node.named_child_count == 1 else None
        if node is None or len(gaps) < 3 or gaps[-2] == gaps[-1]:
            return None
        if gaps[-2] - gaps[-1] != gaps[-3] - gaps[-2]:
            return None
        left = gaps[-1] / (gaps[-2] - gaps[-1])
        return math.floor(left) + 1 if "=" in self.text(child(node, "operator"))[1:] else math.ceil(left)

    def _generalise(
        self,
        changes: dict[Cell, tuple[HostValue, HostValue]],
        first: dict[Cell, HostValue],
        trips: int,
        left: int | None,
    ) -> None:
        """Go to the end of a loop: what changes in equal steps goes on to, other changes are forgotten."""
        for cell, (before, now) in changes.items():
            if isinstance(now, Pointer | Record | Buffer | Callee) or now is None:
                continue
            after = first.get(cell)
            if after is not None and after == now and (before is None or before == now):
                continue
            value: HostValue = None
            if left is not None and trips >= 2 and isinstance(before, int) and isinstance(after, int):
                step = after - before
                if isinstance(now, int) and now == before + trips * step:
                    value = now + left * step
            self.write(cell, value)

    def _range(self, node: Node) -> str:
        names = self.names
        self.names = dict(names)
        try:
            values = self.evaluate(child(node, "right"))
            target = values.target if isinstance(values, Pointer) else values
            name = self._name_in(child(node, "declarator"))
            kind = self.kind_of(self.text(child(node, "type")))
            known: list[Cell] = []
            if isinstance(target, Buffer):
                count = target.count.value
                cells = (
                    target.cell(index) for index in range(min(count, 8) if isinstance(count, int) else 0)
                )
                known = [cell for cell in cells if cell is not None]
                if count == 0:
                    return ""
            mark = self.watch()
            ended = ""
            for cell in known or [Cell(None, kind)]:
                self.names[name] = cell
                ended = self._inside(child(node, "body"))
                if ended not in ("", "continue"):
                    break
            changes = self.written(mark, undo=False)
            if not known or (isinstance(target, Buffer) and target.count.value != len(known)):
                self._generalise(changes, {}, 0, None)
            return ended if ended == "return" else ""
        finally:
            self.names = names

    def _name_in(self, node: Node | None) -> str:
        while node is not None and node.type not in ("identifier", "structured_binding_declarator"):
            node = node.named_children[-1] if node.named_children else None
        return self.text(node)


def _is_error(value: HostValue) -> bool:
    return value is None or (isinstance(value, int | float) and value < 0)
