"""Follow the loops of host code, as far as that is cheap and tells something."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tree_sitter import Node

from .declarations import mutated_names
from .hostflow import HostFlow, Lap, LingeringError
from .hoststate import MOST_STEPS
from .hostvalues import NUMBER, OBJECT, Buffer, Cell, HostValue, Pointer, truth
from .syntax import field as child
from .syntax import operands

_ALLOWANCE: Final = (4000, 500, 120)
_LONG: Final = 64
_SHARE: Final = 8000
"""Steps after which a loop is left that reaches no kernel."""
_COUNTERS: Final = frozenset(("identifier", "field_expression", "binary_expression", "subscript_expression"))
_RELATIONS: Final = frozenset(("<", ">", "<=", ">=", "!="))


@dataclass
class HostLoops(HostFlow):
    """Follows loops."""

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
        allowance = self._allowance(body)
        # What is computed deep inside, or late in a long program, seldom decides a launch.
        least = 2 if self.loops < 2 and self.steps < MOST_STEPS // 3 else 1
        self.loops += 1
        gaps: list[float] = []
        first: dict[Cell, HostValue] = {}
        ended, finished, trips, lingered = "", False, 0, False
        lap = Lap(body, started + _SHARE)
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
            self._forget_changed(body)
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
            if isinstance(left, NUMBER) and isinstance(right, NUMBER):
                gap = right - left
                outcome = {"<": gap > 0, ">": gap < 0, "<=": gap >= 0, ">=": gap <= 0, "!=": gap != 0}
                is_counter = stepped is not None and stepped.type in _COUNTERS
                return outcome[operator], gap if is_counter else None
            return None, None
        return truth(self.evaluate(condition)), None

    def _allowance(self, body: Node | None) -> int:
        """How many steps a loop may take that is entered now."""
        # What is done again and again, as for one benchmark after the other, seldom tells anything new.
        again = self._followed.get(body.id, 0) if body is not None else 0
        if body is not None:
            self._followed[body.id] = again + 1
        return _ALLOWANCE[min(self.loops + again, 2)]

    def _forget_changed(self, body: Node | None) -> None:
        for name in mutated_names(body) if body is not None else ():
            if (cell := self.names.get(name)) is not None:
                self.write(cell, None)

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
            if isinstance(now, OBJECT) or now is None:
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
