"""What one thread sees of AMD machine code, where a mask says which threads of a wave take part.

A wave walks through both sides of a branch on which its threads do not agree, and the mask ``exec`` lets
only those take part in each that chose it. Threads are counted one by one, so the code is rewritten as each
of them walks through it: to one side, and from there past the other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .sass import Instruction

_ENTERS: Final = re.compile(r"s_and_saveexec_b\d+")
_FLIPS: Final = re.compile(r"s_(?:andn2|and_not1)_saveexec_b\d+")
_ALL: Final = re.compile(r"s_or_saveexec_b\d+")
_ARITHMETIC: Final = re.compile(r"s_(?:and|or|xor|mov|andn2|and_not1)_b\d+")
_NARROWS: Final = re.compile(r"s_(?:and|xor|andn2|and_not1)_b\d+")
_ON_MASK: Final = ("s_cbranch_execz", "s_cbranch_execnz")
_EXEC: Final = ("exec", "exec_lo")
_WHO_CHOSE_IT: Final = "exec"
"""The predicate of an instruction that only threads in the mask execute."""


@dataclass(frozen=True, slots=True)
class _Branch:
    """A branch at ``index`` on a mask that was just set: who is in it goes to ``chosen``."""

    index: int
    chosen: int
    others: int


def by_thread(
    instructions: Sequence[Instruction], labels: Mapping[str, int]
) -> tuple[list[Instruction], dict[str, int]]:
    """The instructions and labels as one thread meets them. Nothing is added or moved.

    A branch whose two sides run one after the other leads to either side, and the first side past the
    second. Where the mask alone keeps threads from instructions, these get a predicate.
    """
    code, known = list(instructions), dict(labels)
    for first, seconds in _two_sided(code, labels).items():
        skipped = [second for second in seconds if _leads(code, first.others, second.index)]
        if not skipped:
            continue
        sides = (first.chosen, skipped[0].chosen)
        code[first.index] = _jump(code[first.index], sides, known)
        for second in seconds:
            code[second.index] = _jump(code[second.index], (second.others,), known)
    return _with_predicates(code, frozenset(labels.values())), known


def _two_sided(code: Sequence[Instruction], labels: Mapping[str, int]) -> dict[_Branch, list[_Branch]]:
    """The branches to a first side, with those to the second that begin with the mask's rest."""
    found: dict[_Branch, list[_Branch]] = {}
    opened: dict[str, _Branch] = {}
    pending: set[str] = set()
    for index, each in enumerate(code):
        to, *of = [operand.strip() for operand in each.operands.split(",")]
        if _ENTERS.fullmatch(each.name):
            pending = {to}
        elif each.name.startswith("s_xor_b") and pending & set(of):
            pending.add(to)
        elif each.name in _ON_MASK:
            if pending and (branch := _branch(code, index, labels)):
                opened.update(dict.fromkeys(pending, branch))
            pending = set()
        elif not each.name.startswith("s_"):
            pending = set()
        if _ALL.fullmatch(each.name) and of and of[0] in opened:
            opened[to] = opened[of[0]]
        flipped = of[-1] if of and (_FLIPS.fullmatch(each.name) or _is_flip(each, to)) else ""
        if (
            flipped in opened
            and index + 1 < len(code)
            and code[index + 1].name in _ON_MASK
            and (second := _branch(code, index + 1, labels))
        ):
            found.setdefault(opened[flipped], []).append(second)
    return found


def _is_flip(instruction: Instruction, to: str) -> bool:
    return instruction.name.startswith("s_xor_b") and to in _EXEC


def _branch(code: Sequence[Instruction], index: int, labels: Mapping[str, int]) -> _Branch | None:
    target = next((labels[label] for label in code[index].targets if label in labels), None)
    if target is None or target >= len(code) or index + 1 >= len(code):
        return None
    if code[index].name == "s_cbranch_execz":
        return _Branch(index, index + 1, target)
    return _Branch(index, target, index + 1)


def _leads(code: Sequence[Instruction], start: int, to: int) -> bool:
    """Whether who is at ``start`` comes to ``to`` without a jump."""
    return start <= to and not any(
        each.predicate or each.name in ("s_branch", "s_endpgm", "s_setpc_b64") for each in code[start:to]
    )


def _jump(branch: Instruction, to: Sequence[int], labels: dict[str, int]) -> Instruction:
    """A jump to one of these instructions, in place of a branch."""
    names = [f".Lthread{index}" for index in to]
    labels.update(zip(names, to, strict=True))
    operands = ", ".join(f"`({name})" for name in names)
    return replace(branch, opcode="s_branch", operands=operands, predicate="")


def _with_predicates(code: Sequence[Instruction], joins: frozenset[int]) -> list[Instruction]:
    found: list[Instruction] = []
    masked = False
    for index, each in enumerate(code):
        to = each.operands.partition(",")[0]
        if index in joins or each.name in (*_ON_MASK, "s_branch") or _ALL.fullmatch(each.name):
            masked = False
        if masked and not each.name.startswith("s_"):
            found.append(replace(each, predicate=_WHO_CHOSE_IT))
        else:
            found.append(each)
        if _ENTERS.fullmatch(each.name) or _FLIPS.fullmatch(each.name) or each.name.startswith("v_cmpx_"):
            masked = True
        elif _ARITHMETIC.fullmatch(each.name) and to in _EXEC:
            masked = _NARROWS.fullmatch(each.name) is not None
    return found
