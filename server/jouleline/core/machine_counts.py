"""Operations of a kernel from its machine code: what the blocks hold, times how often they run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .controlflow import control_flow, is_jump
from .counts import Operation
from .frequency import Flow
from .instructions import operations
from .mangling import read_symbol
from .sass import Instruction, MachineCode
from .visits import Visits

_MOST_CALLS: Final = 2000
_OF_THE_RUNTIME: Final = frozenset(("vprintf", "__assertfail", "malloc", "free"))
"""Functions of CUDA's device runtime, which no listing holds."""
_TOO_FEW: Final = 1e-6
"""Calls by a smaller share of the threads are not followed."""


@dataclass(frozen=True)
class MachineCounts:
    """What one launch executes: operations by class, and instructions by their full opcode.

    ``flow`` is that of the kernel itself, without what it calls, and ``missing`` names called functions whose
    code is not there.
    """

    operations: Mapping[Operation, float]
    opcodes: Mapping[str, float]
    flow: Flow
    missing: frozenset[str] = frozenset()


def count_machine_code(
    code: MachineCode, functions: Mapping[str, MachineCode], visits: Visits, threads: float
) -> MachineCounts:
    """Count a kernel that ``threads`` threads run; ``functions`` are what it may call, by name."""
    counted: defaultdict[Operation, float] = defaultdict(float)
    opcodes: defaultdict[str, float] = defaultdict(float)
    kernel = Flow(control_flow(code), visits, threads)
    waiting = [(code, kernel)]
    missing: set[str] = set()
    # In CUDA's code, what is called by its address is a function of the runtime.
    by_address = ("a function by its address",) if read_symbol(code.name).line is not None else ()
    for _ in range(_MOST_CALLS):
        if not waiting:
            break
        current, flow = waiting.pop()
        called: defaultdict[tuple[str, int], float] = defaultdict(float)
        for block in flow.graph.blocks.values():
            for instruction, often in flow.executed(block):
                opcodes[instruction.opcode] += often
                for operation, amount in operations(instruction):
                    counted[operation] += amount * often
                if (callee := _callee(instruction, current, functions)) is not None:
                    called[callee] += often
                elif often and _calls(instruction):
                    missing |= {
                        name for name in instruction.targets or by_address if name not in _OF_THE_RUNTIME
                    }
        for (name, start), entered in called.items():
            callee_code = current if name == current.name else functions[name]
            recursive = callee_code is current and start == flow.graph.entry
            if not recursive and entered > threads * _TOO_FEW:
                waiting.append((callee_code, Flow(control_flow(callee_code, start), visits, entered)))
    missing |= {code.name for code, _ in waiting}  # functions that call each other come back for ever
    return MachineCounts(counted, opcodes, kernel, frozenset(missing))


def _callee(
    instruction: Instruction, current: MachineCode, functions: Mapping[str, MachineCode]
) -> tuple[str, int] | None:
    """The function and the index of the instruction that a call leads to."""
    if not _calls(instruction):
        return None
    for label in instruction.targets:
        if current.labels.get(label, len(current.instructions)) < len(current.instructions):
            return current.name, current.labels[label]
        if label in functions:
            return label, 0
    return None


def _calls(instruction: Instruction) -> bool:
    return instruction.name in ("CALL", "s_swappc_b64") and not is_jump(instruction)
